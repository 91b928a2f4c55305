package io.github.p3o.internal;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.BatchShape;
import io.github.p3o.GraphModel;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Variables of a model's graph for any number of sequences, without gradients, some at once. */
public final class Scorer implements AutoCloseable {

  /** Takes the variables of some of the sequences; they are valid during the call. */
  @FunctionalInterface
  public interface Part {

    /** The sequences from this one to before that one. */
    void accept(int from, int to, Map<String, INDArray> variables);
  }

  private final int sequencesAtOnce;
  private final ModelRunner runner;
  private final OneAtATime calls = new OneAtATime("scorer");

  /**
   * A scorer of the variables, by name, that a function gives of each new graph.
   *
   * @param owner what is closed with this, for messages
   */
  public Scorer(
      String owner,
      GraphModel model,
      Function<BatchShape, ImmutableMap<String, SDVariable>> graphs,
      int sequencesAtOnce) {
    checkArgument(
        sequencesAtOnce >= 1, "sequencesAtOnce: expected at least 1, got %s", sequencesAtOnce);
    this.sequencesAtOnce = sequencesAtOnce;
    this.runner =
        new ModelRunner(
            owner,
            model,
            shape -> program(graphs.apply(shape), model.parameters().names().asList()));
  }

  private static Program program(
      ImmutableMap<String, SDVariable> variables, ImmutableList<String> parameters) {
    SameDiff graph = variables.values().iterator().next().getSameDiff();
    variables.forEach(graph::identity);
    return Program.forward(graph, parameters, variables.keySet());
  }

  /**
   * Runs all sequences, part by part.
   *
   * @throws IllegalArgumentException if the counts differ, or the model refuses a sequence
   * @throws IllegalStateException within a call of another thread
   */
  public void run(List<Prompt> prompts, List<Response> responses, Part part) {
    checkArgument(
        prompts.size() == responses.size(),
        "prompts: expected %s, one for each response, got %s",
        responses.size(),
        prompts.size());
    calls.runOrNest(
        "scores",
        () -> {
          runParts(prompts, responses, part);
          return true;
        });
  }

  private void runParts(List<Prompt> prompts, List<Response> responses, Part part) {
    for (int from = 0; from < responses.size(); from += sequencesAtOnce) {
      int to = Math.min(from + sequencesAtOnce, responses.size());
      part.accept(
          from,
          to,
          runner.run(prompts.subList(from, to), responses.subList(from, to), ImmutableMap.of()));
    }
  }

  @Override
  public void close() {
    if (calls.close()) {
      runner.close();
    }
  }
}
