package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import io.github.p3o.internal.Given;
import io.github.p3o.internal.GraphCopy;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import io.github.p3o.internal.Result;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.autodiff.samediff.VariableType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.shape.Shape;

/**
 * A policy around a host's own SameDiff graph: the graph's variables of type VARIABLE become the
 * parameters, a function of the host fills its placeholders, and one of its variables gives the
 * logits of a choice or the log-probabilities themselves.
 *
 * <p>The graph is copied, so the host's own stays as it is; {@link #exportTo} writes the trained
 * parameters back. The shape of what the graph gives is checked at its first run, which {@link
 * #feed} makes once for each number of sequences.
 *
 * <p>A trainer refuses a parameter that its loss does not read, such as a value head under P3O:
 * without a gradient, weight decay alone would move it, and a variable of the host's may be unread
 * by mistake. What is not to be trained is made a constant first, {@code
 * graph.getVariable("head").convertToConstant()}; {@link #exportTo} leaves constants alone.
 *
 * <p>Gradients are those of ND4J's ops, of which many are wrong in 1.0.0-M1.1 without a word. Ops
 * that a policy may have were compared with finite differences: what was wrong, such as {@code
 * logSoftmax}, every loss, or {@code min} and {@code max} of equal values, has a gradient of the
 * library's own, or is refused by name with what to use instead. What ND4J loses of ops in a copy
 * or a file is made again. Check a graph of rarer ops against finite differences.
 */
public final class SameDiffPolicy implements Policy {

  /** Fills the placeholders of a host's graph: for a policy and its copies, one call at a time. */
  @FunctionalInterface
  public interface Feed {

    /**
     * What the placeholders hold for a batch.
     *
     * @param shape how many sequences, and the lengths to pad them to where the graph reads tokens
     * @param prompts {@code [sequences]}
     * @param responses {@code [sequences]}
     * @return an array for each placeholder of the host's graph, its first axis {@code
     *     [sequences]}; they are copied, and may be the same ones in each call
     */
    Map<String, INDArray> arrays(BatchShape shape, List<Prompt> prompts, List<Response> responses);
  }

  /** In place of the number of choices where the graph gives log-probabilities itself. */
  private static final int LOG_PROBS_GIVEN = 0;

  private final SameDiff graph;
  private final String variable;
  private final int choices;
  private final Feed feed;
  private final Parameters parameters;

  /** Results of the host's graph that had the shape which they should. */
  private final Set<Checked> checked = new HashSet<>();

  private record Checked(String parameter, String variable, int sequences) {}

  private SameDiffPolicy(
      SameDiff graph, String variable, int choices, Feed feed, Parameters parameters) {
    this.graph = graph;
    this.variable = variable;
    this.choices = choices;
    this.feed = feed;
    this.parameters = parameters;
  }

  /**
   * A policy whose response is one choice among several: one id, the index of the choice.
   *
   * @param graph the host's graph; it is copied
   * @param logits name of the variable {@code [sequences, choices]} of unnormalised
   *     log-probabilities
   * @param choices the number of choices, at least 2
   * @param feed fills the graph's placeholders
   * @return the policy
   * @throws IllegalArgumentException if the graph has no such variable, nothing to train, or a name
   *     that begins with {@code p3o/}
   */
  public static SameDiffPolicy ofLogits(SameDiff graph, String logits, int choices, Feed feed) {
    checkArgument(choices >= 2, "choices: expected at least 2, got %s", choices);
    return of(graph, logits, choices, feed);
  }

  /**
   * A policy whose graph itself computes the log-probability of a response that is fed to it. As a
   * {@link PolicyGraph} it has one column of token log-probabilities: those of whole responses.
   *
   * @param graph the host's graph; it is copied
   * @param logProbs name of the variable {@code [sequences]} of log π(y|x), in nats
   * @param feed fills the graph's placeholders
   * @return the policy
   * @throws IllegalArgumentException if the graph has no such variable, nothing to train, or a name
   *     that begins with {@code p3o/}
   */
  public static SameDiffPolicy ofLogProbs(SameDiff graph, String logProbs, Feed feed) {
    return of(graph, logProbs, LOG_PROBS_GIVEN, feed);
  }

  private static SameDiffPolicy of(SameDiff graph, String variable, int choices, Feed feed) {
    Given.notNull("graph", "one", graph);
    Given.notNull("feed", "one", feed);
    checkArgument(
        graph.hasVariable(variable),
        "%s: expected a variable of the graph, one of %s, got %s",
        choices == LOG_PROBS_GIVEN ? "logProbs" : "logits",
        graph.variableMap().keySet(),
        variable);
    Map<String, INDArray> initial = new LinkedHashMap<>();
    for (SDVariable v : graph.variables()) {
      checkArgument(
          !v.name().startsWith(Program.OWN_NAMES),
          "graph: expected variables whose names do not begin with %s, got %s",
          Program.OWN_NAMES,
          v.name());
      if (v.getVariableType() == VariableType.VARIABLE && v.dataType().isFPType()) {
        initial.put(v.name(), v.getArr());
      }
    }
    checkArgument(!initial.isEmpty(), "graph: expected at least one trainable variable, got none");
    return new SameDiffPolicy(
        GraphCopy.of(graph), variable, choices, feed, Parameters.copyOf(initial));
  }

  @Override
  public Parameters parameters() {
    return parameters;
  }

  @Override
  public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
    if (choices == LOG_PROBS_GIVEN) {
      return BatchShape.of(prompts, responses, Integer.MAX_VALUE);
    }
    Choices.check("responses", responses.stream().map(Response::tokens).toList(), choices);
    return new BatchShape(
        responses.size(), 2, 1); // whatever a prompt's length, one graph serves it
  }

  @Override
  public PolicyGraph build(BatchShape shape) {
    SameDiff copy = GraphCopy.of(graph);
    SDVariable given = copy.getVariable(variable);
    int sequences = shape.sequences();
    return choices == LOG_PROBS_GIVEN
        ? Choices.graphOfLogProbs(given, sequences)
        : Choices.graphOfLogits(given, sequences, choices);
  }

  @Override
  public Map<String, INDArray> feed(
      BatchShape shape, List<Prompt> prompts, List<Response> responses) {
    return feed(shape, prompts, responses, null);
  }

  private Map<String, INDArray> feed(
      BatchShape shape,
      List<Prompt> prompts,
      List<Response> responses,
      @Nullable String valuesGiven) {
    Map<String, INDArray> arrays = new HashMap<>();
    boolean whole = false;
    try {
      synchronized (feed) { // of all copies: it may give the same arrays in each call
        Given.notNull("feed", "arrays", feed.arrays(shape, prompts, responses))
            .forEach(
                (name, array) -> {
                  checkFeed(name, array, shape.sequences());
                  arrays.put(name, array.dup('c'));
                });
      }
      checkGiven(shape.sequences(), arrays, valuesGiven);
      whole = true;
    } finally {
      if (!whole) {
        arrays.values().forEach(INDArray::close);
      }
    }
    if (choices != LOG_PROBS_GIVEN) {
      arrays.putAll(Choices.feed(responses, choices, parameters.dataType()));
    }
    return arrays;
  }

  private void checkGiven(
      int sequences, Map<String, INDArray> arrays, @Nullable String valuesGiven) {
    String parameter = choices == LOG_PROBS_GIVEN ? "logProbs" : "logits";
    checkOnce(new Checked(parameter, variable, sequences), arrays);
    if (valuesGiven != null) {
      checkOnce(new Checked("values", valuesGiven, sequences), arrays);
    }
  }

  /** Runs the host's graph forward, once for each number of sequences. */
  private void checkOnce(Checked result, Map<String, INDArray> arrays) {
    if (checked.contains(result)) {
      return;
    }
    String name = result.variable();
    Map<String, INDArray> inputs = new HashMap<>(arrays);
    inputs.putAll(parameters.asMap());
    try (Program program =
        Program.forward(GraphCopy.of(graph), parameters.names(), List.of(name))) {
      checkShape(result, Result.array(program.run(inputs), name).shape());
    }
    checked.add(result);
  }

  private void checkShape(Checked result, long[] shape) {
    if (result.parameter().equals("logits")) {
      // Another width could pass by broadcasting: of one column, every choice has probability 1.
      checkArgument(
          Arrays.equals(shape, new long[] {result.sequences(), choices}),
          "logits: expected %s of shape [%s, %s], [sequences, choices], got %s",
          variable,
          result.sequences(),
          choices,
          Arrays.toString(shape));
    } else {
      checkArgument(
          Shape.lengthOf(shape) == result.sequences(),
          "%s: expected %s of shape [%s], a number for each sequence, got %s",
          result.parameter(),
          result.variable(),
          result.sequences(),
          Arrays.toString(shape));
    }
  }

  private void checkFeed(String name, INDArray array, int sequences) {
    Given.notNull("feed[" + name + "]", "an array", array);
    SDVariable placeholder = graph.getVariable(name);
    checkArgument(
        placeholder != null && placeholder.isPlaceHolder(),
        "feed: expected the graph's placeholders %s, got %s",
        graph.inputs(),
        name);
    checkArgument(
        placeholder.dataType() == array.dataType() && fits(array, placeholder.placeholderShape()),
        "feed[%s]: expected %s %s, got %s %s",
        name,
        placeholder.dataType(),
        Arrays.toString(placeholder.placeholderShape()),
        array.dataType(),
        Arrays.toString(array.shape()));
    long @Nullable [] declared = placeholder.placeholderShape();
    // One row too few or too many could pass by broadcasting: each sequence gets the same answer.
    checkArgument(
        declared == null || declared.length == 0 || declared[0] >= 0 || array.size(0) == sequences,
        "feed[%s]: expected %s rows, one for each sequence, got %s",
        name,
        sequences,
        Arrays.toString(array.shape()));
  }

  /** Whether an array has a placeholder's shape, in which −1 stands for any size. */
  private static boolean fits(INDArray array, long @Nullable [] shape) {
    return shape == null
        || shape.length == 0 // a placeholder of no given shape
        || (shape.length == array.rank()
            && IntStream.range(0, shape.length)
                .allMatch(i -> shape[i] < 0 || shape[i] == array.size(i)));
  }

  /**
   * Writes the parameters into a graph, such as the host's own.
   *
   * @param target has variables of the same names and shapes
   * @throws IllegalArgumentException if it lacks one
   */
  public void exportTo(SameDiff target) {
    for (String name : parameters.names()) {
      checkArgument(
          target.hasVariable(name), "target: expected a variable %s, got none of that name", name);
      target.getVariable(name).setArray(parameters.get(name).dup('c'));
    }
  }

  /**
   * This policy together with values that its graph computes beside the logits, for objectives such
   * as PPO. It is another view of the same parameters: training or closing one does so to both.
   *
   * @param values name of the variable {@code [sequences]} or {@code [sequences, 1]} that estimates
   *     the reward of a response before it is chosen
   * @return the view
   * @throws IllegalArgumentException if the graph has no such variable, or gives log-probabilities
   *     of whole responses and no logits
   */
  public ActorCritic withValues(String values) {
    checkArgument(
        graph.hasVariable(values),
        "values: expected a variable of the graph, one of %s, got %s",
        graph.variableMap().keySet(),
        values);
    checkArgument(
        choices != LOG_PROBS_GIVEN,
        "values: expected a policy of logits, got one of log-probabilities");
    return new WithValues(this, values);
  }

  /** The same policy; its graphs have one more variable to show. */
  private record WithValues(SameDiffPolicy policy, String values) implements ActorCritic {

    @Override
    public ActorCriticGraph buildWithValues(BatchShape shape) {
      PolicyGraph built = policy.build(shape);
      SDVariable given = built.graph().getVariable(values);
      return new ActorCriticGraph(
          built, Ops.reshape(given, shape.sequences(), shape.responseTokens()));
    }

    @Override
    public PolicyGraph build(BatchShape shape) {
      return policy.build(shape);
    }

    @Override
    public Policy frozenCopy() {
      return policy.frozenCopy();
    }

    @Override
    public Parameters parameters() {
      return policy.parameters();
    }

    @Override
    public BatchShape shape(List<Prompt> prompts, List<Response> responses) {
      return policy.shape(prompts, responses);
    }

    @Override
    public Map<String, INDArray> feed(
        BatchShape shape, List<Prompt> prompts, List<Response> responses) {
      return policy.feed(shape, prompts, responses, values);
    }

    @Override
    public void close() {
      policy.close();
    }
  }

  @Override
  public SameDiffPolicy frozenCopy() {
    SameDiffPolicy copy =
        new SameDiffPolicy(graph, variable, choices, feed, parameters.frozenCopy());
    copy.checked.addAll(checked);
    return copy;
  }

  @Override
  public void close() {
    parameters.close();
  }
}
