package io.github.p3o.train;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.GraphModel;
import io.github.p3o.LossTerms;
import io.github.p3o.OptimizerConfig;
import io.github.p3o.P3OTrainer;
import io.github.p3o.PolicyGraph;
import io.github.p3o.PreferenceLoss;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Resumable;
import io.github.p3o.RewardModel;
import io.github.p3o.Stateful;
import io.github.p3o.TabularPolicy;
import io.github.p3o.TokenLoss;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.RandomStreams;
import io.github.p3o.testing.Bandit;
import io.github.p3o.testing.TabularRewardModel;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.nd4j.autodiff.samediff.SDVariable;

/** A training of each kind, as small as can be, from its start. */
final class SmallTraining implements AutoCloseable {

  /** The trainers there are. */
  enum Kind {
    P3O,
    SFT,
    REWARD
  }

  private static final int CHOICES = 4;

  private final Resumable trainer;
  private final GraphModel model;
  private final Runnable step;
  private final AutoCloseable closed;

  private <T extends Resumable & AutoCloseable> SmallTraining(
      T trainer, GraphModel model, Runnable step) {
    this.trainer = trainer;
    this.model = model;
    this.step = step;
    this.closed = trainer;
  }

  static SmallTraining of(Kind kind) {
    OptimizerConfig optimizer =
        OptimizerConfig.adamW(0.05)
            .withWeightDecay(0.01)
            .withSchedule(5, OptimizerConfig.Schedule.LINEAR, 5000);
    return switch (kind) {
      case P3O -> p3o(optimizer);
      case SFT -> sft(optimizer);
      case REWARD -> reward(optimizer);
    };
  }

  private static SmallTraining p3o(OptimizerConfig optimizer) {
    TabularPolicy policy = TabularPolicy.uniform(3, CHOICES);
    P3OTrainer trainer =
        Bandit.trainer(policy)
            .config(Bandit.config().optimizer(optimizer).build())
            .rewardModel(new AboveTheMean())
            .build();
    return new SmallTraining(trainer, policy, trainer::step);
  }

  /** A reward that remembers: what a response earns beyond the mean of all before. */
  static final class AboveTheMean implements RewardModel, Stateful {
    private double sum;
    private long count;

    @Override
    public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
      double[] rewards = Bandit.REWARD.score(prompts, responses);
      double mean = count == 0 ? 0 : sum / count;
      sum += Arrays.stream(rewards).sum();
      count += rewards.length;
      return Arrays.stream(rewards).map(reward -> reward - mean).map(r -> r * (1 + mean)).toArray();
    }

    @Override
    public String state() {
      return sum + " " + count;
    }

    @Override
    public void restore(String state) {
      String[] parts = state.split(" ", 2);
      sum = Double.parseDouble(parts[0]);
      count = Long.parseLong(parts[1]);
    }
  }

  private static SmallTraining sft(OptimizerConfig optimizer) {
    TabularPolicy policy = TabularPolicy.uniform(3, CHOICES);
    SftTrainer trainer = new SftTrainer(policy, new LogLoss(), optimizer, 4);
    return new SmallTraining(trainer, policy, () -> trainer.step(examples(trainer.stepsDone())));
  }

  private record LogLoss() implements TokenLoss {
    @Override
    public String name() {
      return "test";
    }

    @Override
    public SDVariable build(PolicyGraph policy) {
      return Ops.negate(policy.tokenLogProbs());
    }
  }

  private static List<Example> examples(long step) {
    RandomGenerator random = RandomStreams.forStep(3, step);
    return IntStream.range(0, 7)
        .mapToObj(i -> new Example(Prompt.of(random.nextInt(3)), response(random)))
        .toList();
  }

  private static Response response(RandomGenerator random) {
    return Response.of(Math.min(random.nextInt(CHOICES), random.nextInt(CHOICES)));
  }

  private static SmallTraining reward(OptimizerConfig optimizer) {
    TabularRewardModel model = new TabularRewardModel(3, CHOICES);
    RewardModelTrainer trainer = new RewardModelTrainer(model, new BradleyTerry(), optimizer, 4);
    return new SmallTraining(trainer, model, () -> trainer.step(comparisons(trainer.stepsDone())));
  }

  private record BradleyTerry() implements PreferenceLoss {
    @Override
    public String name() {
      return "test";
    }

    @Override
    public LossTerms build(SDVariable chosen, SDVariable rejected) {
      return new LossTerms(
          Ops.negate(Ops.logSigmoid(Ops.subtract(chosen, rejected))), ImmutableMap.of());
    }
  }

  private static List<Comparison> comparisons(long step) {
    RandomGenerator random = RandomStreams.forStep(4, step);
    return IntStream.range(0, 7)
        .mapToObj(
            i -> new Comparison(Prompt.of(random.nextInt(3)), response(random), response(random)))
        .toList();
  }

  Resumable trainer() {
    return trainer;
  }

  void step() {
    step.run();
  }

  /** Trains until so many steps are done. */
  SmallTraining until(long steps) {
    while (trainer.stepsDone() < steps) {
      step();
    }
    return this;
  }

  double[] parameters() {
    return model.parameters().vector().toDoubleVector();
  }

  @Override
  public void close() throws Exception {
    closed.close();
    model.close();
  }
}
