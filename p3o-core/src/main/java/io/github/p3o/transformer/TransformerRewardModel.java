package io.github.p3o.transformer;

import static com.google.common.base.Preconditions.checkState;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Ints;
import io.github.p3o.BatchShape;
import io.github.p3o.Parameters;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.TrainableRewardModel;
import io.github.p3o.internal.ModelRunner;
import io.github.p3o.internal.OneAtATime;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A language model with one number in place of logits: {@code score.weight · h}, where h is the
 * last hidden state of prompt and response together. Hugging Face calls it, with one label, {@code
 * LlamaForSequenceClassification} and likewise for each {@link Architecture}.
 *
 * <p>The score is unbounded, and only differences between responses to one prompt mean anything.
 */
public final class TransformerRewardModel implements TrainableRewardModel {

  private static final String SCORES = "p3o/scores";

  /** Bounds the memory of scoring: 64 MiB of attention scores in float32. */
  private static final long MAX_ATTENTION_SCORES = 1 << 24;

  /** Beyond this, more sequences at a time are no faster. */
  private static final int MAX_SEQUENCES = 128;

  private final DecoderModel model;
  private final ModelRunner runner;
  private final OneAtATime calls = new OneAtATime("rewardModel");

  private TransformerRewardModel(DecoderModel model) {
    this.model = model;
    this.runner = new ModelRunner("rewardModel", this, this::program);
  }

  /**
   * An untrained model, initialised as {@link TransformerPolicy#random} is.
   *
   * @param config sizes
   * @param type FLOAT, or DOUBLE for exact tests
   * @param seed of the weights: the same seed gives the same weights
   * @return the model; the caller closes it
   * @throws IllegalArgumentException for another type
   */
  public static TransformerRewardModel random(DecoderConfig config, DataType type, long seed) {
    return new TransformerRewardModel(
        DecoderParameters.random(config, DecoderTensors::rewardModel, type, seed));
  }

  /**
   * The usual beginning of a reward model: a copy of a policy's weights, with a head of zeros, so
   * that every score is 0 before training.
   *
   * @param policy the policy, such as the one after supervised fine-tuning; nothing is shared
   * @return the model; the caller closes it
   */
  public static TransformerRewardModel fromPolicy(TransformerPolicy policy) {
    DecoderTensors from = policy.model().tensors();
    DecoderTensors to = DecoderTensors.of(policy.config());
    try (Parameters whole = policy.model().merged(from.languageModel().keySet());
        INDArray head = Nd4j.create(whole.dataType(), 1, policy.config().hiddenSize())) {
      Map<String, INDArray> initial = new LinkedHashMap<>();
      for (String name : to.rewardModel().keySet()) {
        // Only GPT-2's own checkpoints lack the part in front.
        initial.put(
            name,
            name.equals(DecoderTensors.SCORE)
                ? head
                : whole.get(from.base() + name.substring(to.base().length())));
      }
      return new TransformerRewardModel(
          new DecoderModel(to, Parameters.copyOf(initial), StoredForm.NEW));
    }
  }

  /**
   * Reads a Hugging Face checkpoint of a {@code …ForSequenceClassification} model with one label,
   * as float32.
   *
   * @param directory of the checkpoint
   * @return the model; the caller closes it
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   */
  public static TransformerRewardModel load(Path directory) {
    return load(directory, DataType.FLOAT);
  }

  /**
   * Reads a Hugging Face checkpoint of a {@code …ForSequenceClassification} model with one label.
   *
   * @param directory of the checkpoint
   * @param type FLOAT, to which wider weights are rounded, or DOUBLE
   * @return the model; the caller closes it
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   * @throws IllegalArgumentException for another type
   */
  public static TransformerRewardModel load(Path directory, DataType type) {
    return new TransformerRewardModel(
        DecoderParameters.read(directory, DecoderTensors::rewardModel, type));
  }

  /**
   * Opens a Hugging Face checkpoint of float32 to be read where it lies, with all that {@link
   * TransformerPolicy#map} says: a model that scores, or that an adapter is trained over.
   *
   * @param directory of a {@code …ForSequenceClassification} model with one label
   * @return the model, its parameters frozen; the caller closes it
   * @throws CheckpointException as {@link #load}, or for a tensor that is not F32, not aligned to 4
   *     bytes, or greater than 2 GB
   * @throws IllegalStateException if the backend is not the CPU's
   */
  public static TransformerRewardModel map(Path directory) {
    return new TransformerRewardModel(
        DecoderParameters.map(directory, DecoderTensors::rewardModel));
  }

  /**
   * This model with a new low-rank adapter, which is trained alone with the head. It changes
   * nothing at first: B is 0. The weights are shared, not copied; a training of this model does not
   * reach the new one.
   *
   * @param config rank, scale and targets
   * @param seed of A: the same seed gives the same values
   * @return the model; the caller closes it, this one too
   * @throws IllegalArgumentException for a target that the model does not have
   * @throws IllegalStateException if there is an adapter already, or if parameters are frozen
   */
  public TransformerRewardModel withAdapter(LoraConfig config, long seed) {
    model.checkWhole();
    Adapter alone = Adapter.random(model.tensors(), config, model.type(), seed);
    try (DecoderModel copied = model.with(alone)) {
      return new TransformerRewardModel(copied.withHead(model.parameter(DecoderTensors.SCORE)));
    }
  }

  /**
   * This model with an adapter and a head that PEFT or {@link #saveAdapter} wrote, of a task {@code
   * SEQ_CLS}. Its own head, 0 after {@link #fromPolicy}, is not used.
   *
   * @param directory of {@code adapter_config.json} and {@code adapter_model.safetensors}
   * @return the model; the caller closes it, this one too
   * @throws CheckpointException if a file is missing, damaged, or asks for what is not supported
   * @throws IllegalStateException as {@link #withAdapter}
   */
  public TransformerRewardModel loadAdapter(Path directory) {
    model.checkWhole();
    return new TransformerRewardModel(
        model.with(
            LoraFiles.read(directory, model.tensors(), LoraFiles.Task.SEQ_CLS, model.type())));
  }

  /**
   * Writes the adapter and the head, as PEFT reads them for a task {@code SEQ_CLS}: {@code
   * adapter_config.json} and {@code adapter_model.safetensors}.
   *
   * @param directory made if it is not there; files of these names in it are replaced
   * @throws CheckpointException if it cannot be written
   * @throws IllegalStateException if there is no adapter
   */
  public void saveAdapter(Path directory) {
    Adapter adapter = model.adapter();
    checkState(adapter != null, "adapter: expected one, got none");
    LoraFiles.write(directory, model.tensors(), LoraFiles.Task.SEQ_CLS, adapter);
  }

  /**
   * A copy of this model of which some parameters are not trained: there are no gradients and no
   * moments of them, and saving writes the whole model. This one can be closed. Of a model that
   * {@link #map} gave, what is frozen is not copied.
   *
   * @param config the names of what is frozen
   * @return the model; the caller closes it, this one too
   * @throws IllegalArgumentException for a name that no parameter has, or if none is left to train
   * @throws IllegalStateException if there is an adapter, or if parameters are frozen already
   */
  public TransformerRewardModel withFrozen(FreezeConfig config) {
    return new TransformerRewardModel(model.withFrozen(config));
  }

  /**
   * {@link #save(Path, Precision)} in the types and files that the model was read from; a new model
   * in float32 and one file.
   *
   * @param directory made if it is not there; files of these names in it are replaced
   * @throws CheckpointException if it cannot be written
   */
  public void save(Path directory) {
    save(directory, Precision.AS_READ);
  }

  /**
   * Writes {@code config.json} and {@code model.safetensors}, or the files of several that the
   * model was read from and their index; each whole or not at all, as Hugging Face's libraries read
   * them. An adapter is merged into the weights.
   *
   * @param directory made if it is not there; files of these names in it are replaced, and so is
   *     {@code model.safetensors} by several
   * @param precision type of the tensors
   * @throws CheckpointException if it cannot be written, or a weight is too great for the type
   */
  public void save(Path directory, Precision precision) {
    TensorType type = model.writtenType(precision);
    DecoderConfigJson.writeRewardModel(model.config(), type, directory);
    model.write(directory, precision, model.tensors().rewardModel().keySet());
  }

  /**
   * The sizes of the model.
   *
   * @return as read or given
   */
  public DecoderConfig config() {
    return model.config();
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
    BatchShape shape = DecoderInputs.shape(model.config(), prompts, responses);
    // Where the response begins changes nothing here: one graph serves all.
    return new BatchShape(shape.sequences(), shape.tokens(), shape.tokens() - 1);
  }

  @Override
  public SDVariable build(BatchShape shape) {
    SameDiff graph = SameDiff.create();
    DecoderGraph layers = new DecoderGraph(graph, model, shape.sequences(), shape.tokens());
    SDVariable last = graph.placeHolder(DecoderInputs.POSITIONS, DataType.INT32, shape.sequences());
    SDVariable head = layers.parameter(DecoderTensors.SCORE);
    return Ops.reshape(Ops.matmulTransposed(layers.hidden(last), head), shape.sequences());
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    Map<String, INDArray> feed = new HashMap<>();
    int[] ids = DecoderInputs.ids(model.config(), shape, prompts, responses);
    DecoderInputs.feedModel(feed, model, shape.tokens(), ids);
    int[] last = new int[shape.sequences()];
    for (int i = 0; i < last.length; i++) {
      int length = prompts.get(i).tokens().length() + responses.get(i).length();
      last[i] = i * shape.tokens() + length - 1;
    }
    feed.put(DecoderInputs.POSITIONS, Nd4j.createFromArray(last));
    return feed;
  }

  private Program program(BatchShape shape) {
    SDVariable scores = build(shape);
    SameDiff graph = scores.getSameDiff();
    graph.identity(SCORES, scores);
    return Program.forward(graph, model.trained().names(), ImmutableList.of(SCORES));
  }

  /**
   * Scores each response as an answer to its prompt, some at a time, so that memory stays bounded.
   *
   * @param prompts {@code [sequences]}, the prompt of each response
   * @param responses {@code [sequences]}
   * @return rewards {@code [sequences]}
   * @throws IllegalArgumentException if prompt and response are longer than the model reads, which
   *     a host must shorten as it sees fit, or an id is unknown
   * @throws IllegalStateException if it was closed, or within a call of another thread
   */
  @Override
  public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    return calls.run("score", () -> scores(prompts, responses));
  }

  private double[] scores(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    double[] scores = new double[responses.size()];
    if (scores.length == 0) {
      return scores;
    }
    int together = together(model.config().heads(), shape(prompts, responses).tokens());
    for (int from = 0; from < scores.length; from += together) {
      int to = Math.min(from + together, scores.length);
      Map<String, INDArray> results =
          runner.run(prompts.subList(from, to), responses.subList(from, to), ImmutableMap.of());
      double[] part = Result.array(results, SCORES).toDoubleVector();
      System.arraycopy(part, 0, scores, from, part.length);
    }
    return scores;
  }

  /** How many sequences are scored at a time. */
  static int together(int heads, long tokens) {
    long ofSequence = heads * tokens * tokens;
    return Ints.constrainToRange((int) (MAX_ATTENTION_SCORES / ofSequence), 1, MAX_SEQUENCES);
  }

  /**
   * Frees the parameters and the programs that scored with them.
   *
   * @throws IllegalStateException while another thread scores; nothing is freed then
   */
  @Override
  public void close() {
    if (calls.close()) {
      runner.close();
      model.close();
    }
  }
}
