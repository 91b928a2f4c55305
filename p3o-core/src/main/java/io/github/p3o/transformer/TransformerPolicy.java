package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkArgument;
import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A language model as a policy: GPT-2, GPT-NeoX (Pythia), LLaMA (SmolLM), Qwen2 or Qwen3, see
 * {@link Architecture}. Its distribution is softmax(logits / temperature), both where it samples
 * and where it scores; dropout is never applied.
 *
 * <p>Parameters have the names and the layout of Hugging Face checkpoints.
 */
public final class TransformerPolicy implements Policy {

  private final DecoderModel model;
  private final Prefill prefill;
  private final double temperature;

  private TransformerPolicy(DecoderModel model, Prefill prefill, double temperature) {
    this.model = model;
    this.prefill = prefill;
    this.temperature = temperature;
  }

  static TransformerPolicy of(DecoderModel model, double temperature) {
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
  public static TransformerPolicy random(DecoderConfig config, DataType type, long seed) {
    return of(DecoderParameters.random(config, DecoderTensors::languageModel, type, seed), 1);
  }

  /**
   * Reads a Hugging Face checkpoint of a language model, {@code config.json} and safetensors, as
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
   * Reads a Hugging Face checkpoint of a language model.
   *
   * @param directory of the checkpoint
   * @param type FLOAT, to which wider weights are rounded, or DOUBLE
   * @return the policy; the caller closes it
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   * @throws IllegalArgumentException for another type
   */
  public static TransformerPolicy load(Path directory, DataType type) {
    return of(DecoderParameters.read(directory, DecoderTensors::languageModel, type), 1);
  }

  /**
   * Opens a Hugging Face checkpoint of float32 to be read where it lies: the parameters are the
   * files' own pages, mapped into memory. Opening takes no time and no memory of the process, which
   * shares the system's copy of the files with others, and the numbers are those of {@link #load}.
   * The parameters are frozen: the model scores and samples; {@link #withAdapter} and {@link
   * #withFrozen} train beside them.
   *
   * <p>Nobody may write to these files or cut them short while they are mapped, which is until the
   * garbage collector finds that the models over them are closed or dropped: that changes the model
   * or ends the process. To replace them by others, as {@link #save} does, is safe, but on Windows
   * refused. To write to the parameters' arrays ends the process too.
   *
   * @param directory of the checkpoint, single or sharded
   * @return the policy; the caller closes it
   * @throws CheckpointException as {@link #load}, or for a tensor that is not F32, not aligned to 4
   *     bytes, or greater than 2 GB
   * @throws IllegalStateException if the backend is not the CPU's
   */
  public static TransformerPolicy map(Path directory) {
    return of(DecoderParameters.map(directory, DecoderTensors::languageModel), 1);
  }

  /**
   * {@link #save(Path, Precision)} in the types and files that the model was read from: what did
   * not change is the same to the bit. A new model is written in float32 and one file.
   *
   * @param directory made if it is not there; files of these names in it are replaced
   * @throws CheckpointException if it cannot be written
   */
  public void save(Path directory) {
    save(directory, Precision.AS_READ);
  }

  /**
   * Writes {@code config.json} and {@code model.safetensors}, or the files of several that the
   * model was read from and their index; each whole or not at all. Hugging Face's libraries read
   * them; neither the temperature nor a value head is part of them. An adapter is merged into the
   * weights.
   *
   * @param directory made if it is not there; files of these names in it are replaced, and so is
   *     {@code model.safetensors} by several
   * @param precision type of the tensors
   * @throws CheckpointException if it cannot be written, or a weight is too great for the type
   */
  public void save(Path directory, Precision precision) {
    DecoderConfigJson.write(model.config(), model.writtenType(precision), directory);
    model.write(directory, precision, model.tensors().languageModel().keySet());
  }

  /**
   * This model with a new low-rank adapter, which alone is trained. It changes nothing at first: B
   * is 0. The weights are shared, not copied; a training of this policy does not reach the new one.
   *
   * @param config rank, scale and targets
   * @param seed of A: the same seed gives the same values
   * @return the policy at this temperature; the caller closes it, this one too
   * @throws IllegalArgumentException for a target that the model does not have
   * @throws IllegalStateException if there is an adapter already, merge it first; or if parameters
   *     are frozen
   */
  public TransformerPolicy withAdapter(LoraConfig config, long seed) {
    model.checkWhole();
    return of(model.with(Adapter.random(model.tensors(), config, model.type(), seed)), temperature);
  }

  /**
   * This model with an adapter that PEFT or {@link #saveAdapter} wrote.
   *
   * @param directory of {@code adapter_config.json} and {@code adapter_model.safetensors}
   * @return the policy at this temperature; the caller closes it, this one too
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   * @throws IllegalStateException as {@link #withAdapter}
   */
  public TransformerPolicy loadAdapter(Path directory) {
    model.checkWhole();
    Adapter adapter =
        LoraFiles.read(directory, model.tensors(), LoraFiles.Task.CAUSAL_LM, model.type());
    return of(model.with(adapter), temperature);
  }

  /**
   * Writes the adapter alone, as PEFT reads it: {@code adapter_config.json} and {@code
   * adapter_model.safetensors}.
   *
   * @param directory made if it is not there; files of these names in it are replaced
   * @throws CheckpointException if it cannot be written
   * @throws IllegalStateException if there is no adapter
   */
  public void saveAdapter(Path directory) {
    LoraFiles.write(directory, model.tensors(), LoraFiles.Task.CAUSAL_LM, requireAdapter());
  }

  private Adapter requireAdapter() {
    Adapter adapter = model.adapter();
    checkState(adapter != null, "adapter: expected one, got none");
    return adapter;
  }

  /**
   * The adapter's rank, scale and targets.
   *
   * @return empty if the model's own parameters are trained
   */
  public Optional<LoraConfig> adapter() {
    return Optional.ofNullable(model.lora());
  }

  /**
   * The model with the adapter off: the reference of a policy that trains an adapter. It shares the
   * weights' memory, and cannot be changed.
   *
   * @return a frozen policy at this temperature; the caller closes it
   * @throws IllegalStateException if there is no adapter
   */
  public TransformerPolicy withoutAdapter() {
    return of(model.withoutAdapter(), temperature);
  }

  /**
   * A model of its own whose weights have the adapter added.
   *
   * @return a policy at this temperature, all of it trainable; the caller closes it
   * @throws IllegalStateException if there is no adapter
   */
  public TransformerPolicy merged() {
    requireAdapter();
    Parameters merged = model.merged(model.tensors().languageModel().keySet());
    return of(new DecoderModel(model.tensors(), merged, model.form()), temperature);
  }

  /**
   * A copy of this model of which some parameters are not trained. The copy and its own {@link
   * #frozenCopy} hold them once, there are no gradients and no moments of them, and saving writes
   * the whole model. This one can be closed. Of a model that {@link #map} gave, what is frozen is
   * not copied.
   *
   * @param config the names of what is frozen
   * @return the policy at this temperature; the caller closes it, this one too
   * @throws IllegalArgumentException for a name that no parameter has, or if none is left to train
   * @throws IllegalStateException if there is an adapter, or if parameters are frozen already
   */
  public TransformerPolicy withFrozen(FreezeConfig config) {
    return of(model.withFrozen(config), temperature);
  }

  /**
   * The sizes of the model.
   *
   * @return as read or given
   */
  public DecoderConfig config() {
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

  DecoderModel model() {
    return model;
  }

  /** What reads prompts for this policy and its views at other temperatures. */
  Prefill prefill() {
    return prefill;
  }

  @Override
  public Parameters parameters() {
    return model.trained();
  }

  /** The weights under an adapter, or those that were frozen by name; none if all are trained. */
  @Override
  public Map<String, INDArray> frozenParameters() {
    return model.frozen();
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    return DecoderInputs.shape(model.config(), prompts, responses);
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    return graphs().build(shape);
  }

  /** The same with a value before each token, {@code score.weight · h}, of parameters with it. */
  ActorCriticGraph buildWithValues(BatchShape shape) {
    return graphs().buildWithValues(shape);
  }

  private ResponseGraphs graphs() {
    return new ResponseGraphs(model, temperature);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    return graphs().feed(shape, prompts, responses);
  }

  /**
   * Ancestral sampling from the parameters as they are when it is called. Every response has a
   * random stream of its own, so that it does not depend on which others are drawn beside it. A
   * response ends with any end token of {@link #config}, which is then its last token, or is cut.
   *
   * @param maxNewTokens the longest response, in tokens, at least 1
   * @return the sampler; it takes one response a prompt too, and refuses prompts that leave no room
   *     for {@code maxNewTokens}
   * @throws IllegalArgumentException if {@code maxNewTokens} is not in [1, maxPositions)
   */
  public PairSampler sampler(int maxNewTokens) {
    checkMaxNewTokens(maxNewTokens);
    return sampler(SamplingConfig.of(maxNewTokens));
  }

  /**
   * As {@link #sampler(int)}, with rules that end responses.
   *
   * <p>It is {@link io.github.p3o.Stateful}: checkpoints have its temperature, its greatest length
   * and the number of its stop rules, and a trainer that resumes with others refuses by name. In a
   * lambda, {@code (prompts, k, random) -> sampler.sample(prompts, k, random)}, it is not.
   *
   * @param sampling without truncation, since {@link #build} scores the whole distribution
   * @return the sampler
   * @throws IllegalArgumentException for any truncation, by name, or a length outside the context
   */
  public PairSampler sampler(SamplingConfig sampling) {
    sampling.checkWhole();
    checkMaxNewTokens(sampling.maxNewTokens());
    return new PolicySampler(this, sampling);
  }

  /**
   * Draws responses from a distribution that may be truncated, to read or to judge. The recorded
   * log-probabilities are those of the distribution that was drawn from, truncation included.
   *
   * @param prompts {@code [groups]}
   * @param responses to each prompt, at least 1
   * @param sampling lengths, truncation and stop rules
   * @param random the only source of chance
   * @return the responses
   * @throws IllegalArgumentException for a length outside the context, a prompt that leaves no room
   *     for it, or an unknown id
   */
  public Samples generate(
      ImmutableList<Prompt> prompts,
      int responses,
      SamplingConfig sampling,
      RandomGenerator random) {
    checkMaxNewTokens(sampling.maxNewTokens());
    checkArgument(responses >= 1, "responses: expected at least 1, got %s", responses);
    long[] seeds = random.longs((long) responses * prompts.size()).toArray();
    return generate(prompts, responses, sampling, seeds);
  }

  /** Seeds of the responses, row-major {@code [k, groups]}, from those of the prompts. */
  private static long[] ofResponses(
      ImmutableList<Prompt> prompts, int responses, ImmutableLongArray seeds) {
    int groups = prompts.size();
    checkArgument(
        seeds.length() == groups,
        "seeds: expected %s, one for each prompt, got %s",
        groups,
        seeds.length());
    long[] ofEach = new long[responses * groups];
    for (int g = 0; g < groups; g++) {
      RandomGenerator random = new SplittableRandom(seeds.get(g));
      for (int i = 0; i < responses; i++) {
        ofEach[i * groups + g] = random.nextLong();
      }
    }
    return ofEach;
  }

  /** As {@link #generate}, the responses to each prompt from a seed of its own. */
  Samples generate(
      ImmutableList<Prompt> prompts,
      int responses,
      SamplingConfig sampling,
      ImmutableLongArray seeds) {
    return generate(prompts, responses, sampling, ofResponses(prompts, responses, seeds));
  }

  private Samples generate(
      ImmutableList<Prompt> prompts, int responses, SamplingConfig sampling, long[] seeds) {
    int groups = prompts.size();
    List<OpenResponse> open = new ArrayList<>();
    for (int g = 0; g < groups; g++) { // the responses to a prompt side by side: it is read once
      for (int i = 0; i < responses; i++) {
        RandomGenerator stream = new SplittableRandom(seeds[i * groups + g]);
        open.add(new OpenResponse(prompts.get(g), NextToken.drawnWith(stream)));
      }
    }
    new Generator(model, prefill, temperature, sampling).complete(open);
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
    return greedy(prompts, SamplingConfig.of(maxNewTokens));
  }

  /**
   * As {@link #greedy(List, int)}, with a repetition penalty, a least length or stop rules.
   *
   * @param prompts {@code [prompts]}
   * @param sampling of which top-k, top-p and min-p change nothing
   * @return a response to each prompt
   * @throws IllegalArgumentException as {@link #generate}
   */
  public ImmutableList<Response> greedy(List<Prompt> prompts, SamplingConfig sampling) {
    checkMaxNewTokens(sampling.maxNewTokens());
    List<OpenResponse> open =
        prompts.stream().map(prompt -> new OpenResponse(prompt, NextToken.GREEDIEST)).toList();
    new Generator(model, prefill, temperature, sampling).complete(open);
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

  @Override
  public TransformerPolicy frozenCopy() {
    return of(model.frozenCopy(), temperature);
  }

  /** Frees the parameters unless a copy still uses them; views at other temperatures end too. */
  @Override
  public void close() {
    prefill.close();
    model.close();
  }
}
