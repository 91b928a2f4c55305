package io.github.p3o.transformer;

import io.github.p3o.Prompt;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.ProgramCache;
import io.github.p3o.internal.Result;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Reads whole prompts at once: the graph that training runs, with another end. */
final class Prefill implements AutoCloseable {

  private static final String LOGITS = "logits";

  /** So many prompts of so many tokens. */
  private record Size(int prompts, int tokens) {}

  private final DecoderModel model;
  private final ProgramCache<Size, Program> programs = new ProgramCache<>("policy", this::program);

  Prefill(DecoderModel model) {
    this.model = model;
  }

  private static String key(int layer) {
    return "keys" + layer;
  }

  private static String value(int layer) {
    return "values" + layer;
  }

  private Program program(Size size) {
    SameDiff graph = SameDiff.create();
    DecoderGraph layers = new DecoderGraph(graph, model, size.prompts(), size.tokens());
    SDVariable last = graph.placeHolder(DecoderInputs.POSITIONS, DataType.INT32, size.prompts());
    SDVariable output = layers.parameter(model.tensors().output());
    Ops.matmulTransposed(layers.hidden(last), output).rename(LOGITS);
    List<String> outputs = new ArrayList<>(List.of(LOGITS));
    for (int layer = 0; layer < model.config().layers(); layer++) {
      outputs.add(layers.keys().get(layer).rename(key(layer)).name());
      outputs.add(layers.values().get(layer).rename(value(layer)).name());
    }
    return Program.forward(graph, model.all().keySet(), outputs);
  }

  /**
   * Runs prompts and copies their keys and values.
   *
   * @param prompts the prompts
   * @param tokens that they are padded to
   * @param cache takes the keys and values, in its first {@code tokens} columns
   * @param firstRow the first row of the cache to take them
   * @param promptOfRow index into {@code prompts} of each row from there on
   * @return logits {@code [prompts · vocabulary]} of the token after each prompt
   */
  double[] run(
      List<Prompt> prompts, int tokens, KeyValueCache cache, int firstRow, int[] promptOfRow) {
    Map<String, INDArray> feed = new HashMap<>();
    DecoderInputs.feedModel(feed, model, tokens, DecoderInputs.ids(prompts, tokens));
    int[] last = new int[prompts.size()];
    for (int i = 0; i < last.length; i++) {
      last[i] = i * tokens + prompts.get(i).tokens().length() - 1;
    }
    feed.put(DecoderInputs.POSITIONS, Nd4j.createFromArray(last));
    Map<String, INDArray> inputs = new HashMap<>(model.all());
    inputs.putAll(feed);
    try (INDArray origin = Nd4j.createFromArray(promptOfRow)) {
      Map<String, INDArray> results = programs.get(new Size(last.length, tokens)).run(inputs);
      for (int layer = 0; layer < model.config().layers(); layer++) {
        INDArray key = Result.array(results, key(layer));
        INDArray value = Result.array(results, value(layer));
        cache.put(layer, key, value, firstRow, origin, tokens);
      }
      INDArray logits = Result.array(results, LOGITS);
      return logits.reshape(logits.length()).toDoubleVector();
    } finally {
      feed.values().forEach(INDArray::close);
    }
  }

  /** The native memory of the largest program, in bytes. */
  long bytes() {
    return programs.largestBytes();
  }

  /** Frees the programs; the parameters are not its own. */
  @Override
  public void close() {
    programs.close();
  }
}
