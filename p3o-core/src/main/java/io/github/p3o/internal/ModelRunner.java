package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableSet;
import com.google.common.collect.Sets;
import io.github.p3o.BatchShape;
import io.github.p3o.GraphModel;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Runs graphs of a model on micro-batches: one program for each shape, inputs closed after use. */
public final class ModelRunner implements AutoCloseable {

  private final GraphModel model;
  private final ProgramCache<BatchShape, Program> programs;

  /**
   * Programs are made by this function at first use. The model stays the caller's.
   *
   * @param owner what is closed with this, for messages
   */
  public ModelRunner(String owner, GraphModel model, Function<BatchShape, Program> factory) {
    StartupAdvice.giveOnce();
    this.model = model;
    this.programs =
        new ProgramCache<>(
            owner, shape -> factory.apply(shape).readingInPlace(model.frozenParameters().keySet()));
  }

  /**
   * Runs the program of the micro-batch's shape with the parameters as they are now.
   *
   * @param prompts {@code [sequences]}
   * @param responses {@code [sequences]}
   * @param more arrays for the placeholders that are not the model's; closed here
   * @return the wanted values, valid until the next run
   */
  public Map<String, INDArray> run(
      List<Prompt> prompts, List<Response> responses, Map<String, INDArray> more) {
    Map<String, INDArray> fed = new HashMap<>(more);
    try {
      programs.checkOpen();
      BatchShape shape = Given.notNull("model", "a shape", model.shape(prompts, responses));
      Map<String, INDArray> ofModel =
          Given.notNull("model", "what it feeds", model.feed(shape, prompts, responses));
      Set<String> twice = ImmutableSet.copyOf(Sets.intersection(ofModel.keySet(), more.keySet()));
      twice.stream().map(ofModel::get).forEach(INDArray::close);
      ofModel.forEach(fed::putIfAbsent);
      checkArgument(
          twice.isEmpty(), "feed: expected names other than those of the objective, got %s", twice);
      Map<String, INDArray> inputs = new HashMap<>(fed);
      inputs.putAll(model.parameters().asMap());
      inputs.putAll(model.frozenParameters());
      return programs.get(shape).run(inputs);
    } finally {
      fed.values().stream().filter(INDArray::closeable).forEach(INDArray::close);
    }
  }

  /** The native memory of the largest program, in bytes. */
  long bytes() {
    return programs.largestBytes();
  }

  @Override
  public void close() {
    programs.close();
  }
}
