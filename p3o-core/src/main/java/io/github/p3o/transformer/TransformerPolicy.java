package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.Maps;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.ActorCriticGraph;
import io.github.p3o.BatchShape;
import io.github.p3o.LogProbs;
import io.github.p3o.PairSampler;
import io.github.p3o.Parameters;
import io.github.p3o.Policy;
import io.github.p3o.PolicyGraph;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import io.github.p3o.internal.Ops;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A LLaMA language model as a policy: RMSNorm, rotary embeddings, grouped-query attention, SwiGLU.
 * Its distribution is softmax(logits / temperature), both where it samples and where it scores.
 *
 * <p>Parameters have the names and the layout of Hugging Face checkpoints.
 */
public final class TransformerPolicy implements Policy {

  private final LlamaModel model;
  private final Prefill prefill;
  private final double temperature;

  private TransformerPolicy(LlamaModel model, Prefill prefill, double temperature) {
    this.model = model;
    this.prefill = prefill;
    this.temperature = temperature;
  }

  static TransformerPolicy of(LlamaModel model, double temperature) {
    return new TransformerPolicy(model, new Prefill(model), temperature);
  }

  /**
   * An untrained model: weights normal with deviation 0.02, those onto the residual stream divided
   * by √(2 · layers), norms 1.
   *
   * @param config sizes
   * @param type FLOAT, or DOUBLE for exact tests
   * @param seed of the weights: the same seed gives the same weights
   * @return the policy; the caller closes it
   * @throws IllegalArgumentException for another type
   */
  public static TransformerPolicy random(LlamaConfig config, DataType type, long seed) {
    Parameters parameters =
        LlamaWeights.random(config, LlamaWeights.languageModel(config), type, seed);
    return of(new LlamaModel(config, parameters), 1);
  }

  /**
   * Reads a Hugging Face checkpoint of a LLaMA model, {@code config.json} and safetensors, as
   * float32.
   *
   * @param directory of the checkpoint
   * @return the policy; the caller closes it
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   */
  public static TransformerPolicy load(Path directory) {
    return load(directory, DataType.FLOAT);
  }

  /**
   * Reads a Hugging Face checkpoint of a LLaMA model.
   *
   * @param directory of the checkpoint
   * @param type FLOAT, to which wider weights are rounded, or DOUBLE
   * @return the policy; the caller closes it
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   * @throws IllegalArgumentException for another type
   */
  public static TransformerPolicy load(Path directory, DataType type) {
    LlamaConfig config = LlamaConfig.read(directory);
    Parameters parameters =
        LlamaWeights.read(directory, config, LlamaWeights.languageModel(config), type);
    return of(new LlamaModel(config, parameters), 1);
  }

  /**
   * Writes {@code config.json} and {@code model.safetensors}, each whole or not at all. Hugging
   * Face's libraries read them; neither the temperature nor a value head is part of them.
   *
   * @param directory made if it is not there; files of these names in it are replaced
   * @throws CheckpointException if it cannot be written
   */
  public void save(Path directory) {
    model.config().write(directory);
    LlamaWeights.write(
        directory,
        Maps.filterKeys(
            model.parameters().asMap(), LlamaWeights.languageModel(config())::containsKey));
  }

  /**
   * The sizes of the model.
   *
   * @return as read or given
   */
  public LlamaConfig config() {
    return model.config();
  }

  /**
   * What logits are divided by.
   *
   * @return &gt; 0, by default 1
   */
  public double temperature() {
    return temperature;
  }

  /**
   * The same model at another temperature, of sampling and scoring alike. It is another view of the
   * same parameters: training or closing one trains or closes both.
   *
   * @param temperature &gt; 0 and finite
   * @return the view
   * @throws IllegalArgumentException for another temperature
   */
  public TransformerPolicy withTemperature(double temperature) {
    checkArgument(
        temperature > 0 && temperature < Double.POSITIVE_INFINITY,
        "temperature: expected > 0 and finite, got %s",
        temperature);
    return new TransformerPolicy(model, prefill, temperature);
  }

  @Override
  public Parameters parameters() {
    return model.parameters();
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    return LlamaInputs.shape(model.config(), prompts, responses);
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    LlamaGraph layers = layers(shape);
    return head(layers, hidden(layers, shape), shape);
  }

  /** The same with a value before each token, {@code score.weight · h}, of parameters with it. */
  ActorCriticGraph buildWithValues(BatchShape shape) {
    LlamaGraph layers = layers(shape);
    SDVariable hidden = hidden(layers, shape);
    SDVariable values = Ops.matmulTransposed(hidden, layers.parameter(LlamaWeights.SCORE));
    return new ActorCriticGraph(
        head(layers, hidden, shape),
        Ops.reshape(values, shape.sequences(), shape.responseTokens()));
  }

  private LlamaGraph layers(BatchShape shape) {
    return new LlamaGraph(
        SameDiff.create(), model.config(), model.type(), shape.sequences(), shape.tokens());
  }

  /** The hidden state before each response token, one a row. */
  private static SDVariable hidden(LlamaGraph layers, BatchShape shape) {
    long rows = (long) shape.sequences() * shape.responseTokens();
    return layers.hidden(layers.graph().placeHolder(LlamaInputs.POSITIONS, DataType.INT32, rows));
  }

  private PolicyGraph head(LlamaGraph layers, SDVariable states, BatchShape shape) {
    SameDiff graph = layers.graph();
    long rows = (long) shape.sequences() * shape.responseTokens();
    SDVariable targets = graph.placeHolder(LlamaInputs.TARGETS, DataType.INT32, rows);
    SDVariable mask =
        graph.placeHolder(
            LlamaInputs.RESPONSE_MASK, DataType.DOUBLE, shape.sequences(), shape.responseTokens());
    SDVariable hidden = Ops.multiply(states, 1 / temperature);
    SDVariable output = layers.parameter(LlamaWeights.output(model.config()));
    SDVariable logits = Ops.matmulTransposed(hidden, output);
    // One row of the output layer for each target: a one-hot mask would be as large as the logits.
    SDVariable chosen = Ops.sumKeeping(Ops.multiply(hidden, Ops.rows(output, targets)), 1);
    SDVariable each = Ops.subtract(chosen, Ops.logSumExp(logits));
    SDVariable grid = Ops.reshape(each, shape.sequences(), shape.responseTokens());
    SDVariable ofTokens = Ops.multiply(Ops.cast(grid, DataType.DOUBLE), mask);
    return new PolicyGraph(Ops.sum(ofTokens, 1), ofTokens, mask);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    Map<String, INDArray> feed = new HashMap<>();
    int[] ids = LlamaInputs.ids(model.config(), shape, prompts, responses);
    LlamaInputs.feedModel(feed, model, shape.tokens(), ids);
    int[] positions = new int[shape.sequences() * shape.responseTokens()];
    int[] targets = new int[positions.length];
    double[] mask = new double[positions.length];
    for (int i = 0; i < shape.sequences(); i++) {
      ImmutableIntArray response = responses.get(i).tokens();
      // The hidden state of the token before predicts a token.
      int first = i * shape.tokens() + prompts.get(i).tokens().length() - 1;
      for (int j = 0; j < response.length(); j++) {
        int row = i * shape.responseTokens() + j;
        positions[row] = first + j;
        targets[row] = response.get(j);
        mask[row] = 1;
      }
    }
    feed.put(LlamaInputs.POSITIONS, Nd4j.createFromArray(positions));
    feed.put(LlamaInputs.TARGETS, Nd4j.createFromArray(targets));
    feed.put(
        LlamaInputs.RESPONSE_MASK,
        Nd4j.create(mask, new long[] {shape.sequences(), shape.responseTokens()}, 'c'));
    return feed;
  }

  /**
   * Ancestral sampling from the parameters as they are when it is called. Every response has a
   * random stream of its own, so that it does not depend on which others are drawn beside it. A
   * response ends with the end token of {@link #config}, which is then its last token, or is cut.
   *
   * @param maxNewTokens the longest response, in tokens, at least 1
   * @return the sampler; it takes one response a prompt too, and refuses prompts that leave no room
   *     for {@code maxNewTokens}
   * @throws IllegalArgumentException if {@code maxNewTokens} is not in [1, maxPositions)
   */
  public PairSampler sampler(int maxNewTokens) {
    checkMaxNewTokens(maxNewTokens);
    return (prompts, responses, random) -> sample(prompts, responses, maxNewTokens, random);
  }

  private Samples sample(
      ImmutableList<Prompt> prompts, int responses, int maxNewTokens, RandomGenerator random) {
    checkArgument(responses >= 1, "responses: expected at least 1, got %s", responses);
    int groups = prompts.size();
    long[] seeds = random.longs((long) responses * groups).toArray();
    List<OpenResponse> open = new ArrayList<>();
    for (int g = 0; g < groups; g++) { // the responses to a prompt side by side: it is read once
      for (int i = 0; i < responses; i++) {
        RandomGenerator stream = new SplittableRandom(seeds[i * groups + g]);
        open.add(new OpenResponse(prompts.get(g), NextToken.drawnWith(stream)));
      }
    }
    generator(maxNewTokens).complete(open);
    ImmutableList.Builder<Response> drawn = ImmutableList.builder();
    double[] logProbs = new double[seeds.length];
    for (int i = 0; i < seeds.length; i++) {
      OpenResponse response = open.get(i % groups * responses + i / groups);
      drawn.add(response.close());
      logProbs[i] = response.logProb();
    }
    return new Samples(prompts, drawn.build(), LogProbs.ofFlat(responses, logProbs));
  }

  /**
   * The response of greatest probability at every single token; independent of the temperature.
   *
   * @param prompts {@code [prompts]}
   * @param maxNewTokens the longest response, in tokens, at least 1
   * @return a response to each prompt
   * @throws IllegalArgumentException if {@code maxNewTokens} is not in [1, maxPositions), a prompt
   *     leaves no room for it, or an id is unknown
   */
  public ImmutableList<Response> greedy(List<Prompt> prompts, int maxNewTokens) {
    checkMaxNewTokens(maxNewTokens);
    List<OpenResponse> open =
        prompts.stream().map(prompt -> new OpenResponse(prompt, NextToken.GREEDIEST)).toList();
    generator(maxNewTokens).complete(open);
    return open.stream().map(OpenResponse::close).collect(ImmutableList.toImmutableList());
  }

  private void checkMaxNewTokens(int maxNewTokens) {
    int limit = config().maxPositions() - 1;
    checkArgument(
        maxNewTokens >= 1 && maxNewTokens <= limit,
        "maxNewTokens: expected 1 to %s, got %s",
        limit,
        maxNewTokens);
  }

  private Generator generator(int maxNewTokens) {
    return new Generator(model, prefill, temperature, maxNewTokens);
  }

  @Override
  public TransformerPolicy frozenCopy() {
    return of(model.frozenCopy(), temperature);
  }

  /** Frees the parameters unless a copy still uses them; views at other temperatures end too. */
  @Override
  public void close() {
    prefill.close();
    model.parameters().close();
  }
}
