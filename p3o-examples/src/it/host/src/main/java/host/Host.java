package host;

import com.google.common.collect.ImmutableList;
import io.github.p3o.Backend;
import io.github.p3o.LogProbs;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PairSampler;
import io.github.p3o.Prompt;
import io.github.p3o.PromptSource;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.SameDiffPolicy;
import io.github.p3o.Samples;
import io.github.p3o.TrainerConfig;
import io.github.p3o.loss.P3OLoss;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A host application that shows one of four banners to each visitor. It brings its own network, its
 * own sampler and a reward, and lets P3O align the network.
 */
public final class Host {

  private static final int BANNERS = 4;
  private static final int FEATURES = 3;

  /** What the host knows of each visitor: a prompt is the index of one. */
  private static final float[][] VISITORS = {{1, 0, 1}, {0, 1, 1}, {1, 1, 0}, {0, 0, 1}};

  private final SameDiff network = SameDiff.create();

  private Host() {
    SDVariable x = network.placeHolder("features", DataType.FLOAT, -1, FEATURES);
    SDVariable hidden = network.var("hidden", Nd4j.randn(DataType.FLOAT, FEATURES, 16).mul(0.5));
    SDVariable output = network.var("output", Nd4j.zeros(DataType.FLOAT, 16, BANNERS));
    network.mmul("logits", network.math.tanh(x.mmul(hidden)), output);
  }

  private static INDArray features(List<Prompt> prompts) {
    float[][] rows = new float[prompts.size()][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = VISITORS[prompts.get(i).tokens().get(0)];
    }
    return Nd4j.createFromArray(rows);
  }

  /** The host's own sampler runs the host's own network. */
  private PairSampler sampler(SameDiffPolicy policy) {
    return (prompts, k, random) -> {
      policy.exportTo(network);
      INDArray logits =
          network.output(Map.of("features", features(prompts)), "logits").get("logits");
      ImmutableList.Builder<Response> responses = ImmutableList.builder();
      double[][] logProbs = new double[k][prompts.size()];
      for (int i = 0; i < k; i++) {
        for (int g = 0; g < prompts.size(); g++) {
          double[] row = logits.getRow(g).toDoubleVector();
          double sum = IntStream.range(0, BANNERS).mapToDouble(b -> Math.exp(row[b])).sum();
          double u = random.nextDouble() * sum;
          int banner = 0;
          while (banner < BANNERS - 1 && (u -= Math.exp(row[banner])) >= 0) {
            banner++;
          }
          responses.add(Response.of(banner));
          logProbs[i][g] = row[banner] - Math.log(sum);
        }
      }
      return new Samples(prompts, responses.build(), LogProbs.of(logProbs));
    };
  }

  /** Visitor v likes banner v; a banner beside it is half as good. */
  private static double clicks(Prompt visitor, Response banner) {
    int distance = Math.abs(visitor.tokens().get(0) - banner.tokens().get(0));
    return distance == 0 ? 1 : distance == 1 ? 0.5 : 0;
  }

  private double[] align() {
    List<Prompt> visitors = IntStream.range(0, VISITORS.length).mapToObj(Prompt::of).toList();
    TrainerConfig config =
        TrainerConfig.builder()
            .seed(1)
            .promptsPerStep(32)
            .optimizer(OptimizerConfig.adamW(0.02))
            .build();
    try (SameDiffPolicy policy =
            SameDiffPolicy.ofLogits(
                network, "logits", BANNERS, (shape, p, r) -> Map.of("features", features(p)));
        P3OTrainer trainer =
            P3OTrainer.builder(policy, P3OLoss.v2())
                .prompts(PromptSource.uniform(visitors))
                .sampler(sampler(policy))
                .rewardModel(RewardModel.each(Host::clicks))
                .config(config)
                .build()) {
      double before = trainer.step().get("objective/scores");
      trainer.train(40);
      double after = trainer.step().get("objective/scores");
      policy.exportTo(network);
      return new double[] {before, after};
    }
  }

  public static void main(String[] args) {
    Backend.start(); // before the first use of ND4J: says what it computes on, or what is missing
    Nd4j.getRandom().setSeed(1);
    double[] reward = new Host().align();
    System.out.printf("mean reward: %.3f before, %.3f after%n", reward[0], reward[1]);
    if (!(reward[1] > reward[0] + 0.2)) {
      System.err.println("reward: expected to rise by more than 0.2");
      System.exit(1);
    }
  }
}
