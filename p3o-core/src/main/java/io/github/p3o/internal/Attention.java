package io.github.p3o.internal;

import static com.google.common.collect.ImmutableList.toImmutableList;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.DynamicCustomOp;

/**
 * Causal attention. In a graph it is the plain ops, between variables of known names, in whatever
 * name scope; where a program runs such a graph in float32 on the CPU, it runs one step in place of
 * all ops between these variables ({@link AttentionStep}), and one in place of their gradients
 * ({@link AttentionGradientStep}). Neither ever holds the scores of all tokens.
 *
 * <p>Notation: B sequences, T tokens, H query heads of d elements in groups of G that share one of
 * the K key and value heads.
 */
public final class Attention {

  /** The step that gives the mixed values, and the log of what their weights were divided by. */
  static final String STEP = "p3o_causal_attention";

  /** The step that gives the gradients of queries, keys and values. */
  static final String GRADIENT_STEP = "p3o_causal_attention_bp";

  private static final String PREFIX = "p3o/attention/";
  private static final String QUERY = "/query";
  private static final String KEY = "/key";
  private static final String VALUE = "/value";
  private static final String MIXED = "/mixed";
  private static final String NORMALISER = "/normaliser"; // exists in programs only
  private static final Pattern NAME_OF_MIXED =
      Pattern.compile("((?:.*/)?" + PREFIX + "\\d+)" + MIXED);

  /**
   * What is attended to.
   *
   * @param sequences B
   * @param tokens T, of each sequence
   * @param heads H
   * @param keyHeads K, a divisor of H
   * @param elements d, of a head
   */
  public record Sizes(int sequences, int tokens, int heads, int keyHeads, int elements) {}

  /** Only a name: ND4J has no such op. */
  private static final class Op extends DynamicCustomOp {
    private final String name;

    Op(String name) {
      this.name = name;
    }

    @Override
    public String opName() {
      return name;
    }
  }

  private Attention() {}

  /**
   * Every token's mean of the values of this and earlier tokens, weighed by softmax(query · key).
   *
   * @param query {@code [B, T, H, d]}
   * @param key {@code [B, T, K, d]}
   * @param value {@code [B, T, K, d]}
   * @param mask {@code [T·T]}, 0 where a token sees another, and else a number far below 0
   * @param sizes of these, which a graph does not tell
   * @return {@code [B, T, H, d]}
   */
  public static SDVariable causal(
      SDVariable query, SDVariable key, SDVariable value, SDVariable mask, Sizes sizes) {
    SameDiff graph = query.getSameDiff();
    String name = PREFIX + names(graph).size();
    long tokens = sizes.tokens();
    long products = (long) sizes.sequences() * sizes.keyHeads();
    long queries = sizes.heads() / sizes.keyHeads() * tokens;
    long maps = (long) sizes.sequences() * sizes.heads();
    SDVariable q = byHead(graph.identity(name + QUERY, query), products, queries, sizes);
    SDVariable k = byHead(graph.identity(name + KEY, key), products, tokens, sizes);
    SDVariable v = byHead(graph.identity(name + VALUE, value), products, tokens, sizes);
    SDVariable square = Ops.reshape(Ops.matmulTransposed(q, k), maps, tokens * tokens);
    SDVariable masked = Ops.reshape(Ops.add(square, mask), maps * tokens, tokens);
    SDVariable shifted = Ops.exp(Ops.subtract(masked, Ops.detachedMax(masked, 1)));
    SDVariable weights = Ops.multiply(shifted, Ops.reciprocal(Ops.sumKeeping(shifted, 1)));
    SDVariable mixed = Ops.matmul(Ops.reshape(weights, products, queries, tokens), v);
    SDVariable byHead =
        Ops.reshape(mixed, sizes.sequences(), sizes.heads(), tokens, sizes.elements());
    return graph.identity(name + MIXED, Ops.permute(byHead, 0, 2, 1, 3));
  }

  /** What the names of each one's variables begin with: of name scopes, then of its number. */
  private static ImmutableList<String> names(SameDiff graph) {
    return graph.getVariables().keySet().stream()
        .map(NAME_OF_MIXED::matcher)
        .filter(Matcher::matches)
        .map(name -> name.group(1))
        .collect(toImmutableList());
  }

  /** {@code [B, T, heads, d]} to {@code [B·K, G·T, d]}. */
  private static SDVariable byHead(SDVariable x, long products, long rows, Sizes sizes) {
    return Ops.reshape(Ops.permute(x, 0, 2, 1, 3), products, rows, sizes.elements());
  }

  /**
   * The steps that take the place of ops.
   *
   * @param graph as built
   * @param gradientOf the name of a variable's gradient, null if it has none
   * @return by the name of each variable that they give
   */
  static ImmutableMap<String, Node> steps(
      SameDiff graph, Function<String, @Nullable String> gradientOf) {
    ImmutableMap.Builder<String, Node> steps = ImmutableMap.builder();
    for (String name : Fusion.isOnCpu() ? names(graph) : ImmutableList.<String>of()) {
      if (graph.getVariable(name + MIXED).dataType() != DataType.FLOAT) {
        continue;
      }
      ImmutableList<String> inputs = ImmutableList.of(name + QUERY, name + KEY, name + VALUE);
      put(steps, STEP, inputs, ImmutableList.of(name + MIXED, name + NORMALISER));
      String gradient = gradientOf.apply(name + MIXED);
      if (gradient != null) {
        ImmutableList.Builder<String> known = ImmutableList.builder();
        known.addAll(inputs).add(name + NORMALISER, gradient);
        put(steps, GRADIENT_STEP, known.build(), gradients(inputs, gradientOf));
      }
    }
    return steps.buildOrThrow();
  }

  private static ImmutableList<String> gradients(
      ImmutableList<String> inputs, Function<String, @Nullable String> gradientOf) {
    ImmutableList.Builder<String> gradients = ImmutableList.builder();
    for (String input : inputs) {
      String gradient = gradientOf.apply(input);
      gradients.add(gradient == null ? "unread gradient of " + input : gradient);
    }
    return gradients.build();
  }

  private static void put(
      ImmutableMap.Builder<String, Node> steps,
      String name,
      ImmutableList<String> inputs,
      ImmutableList<String> outputs) {
    Node node = new Node(new Op(name), inputs, outputs);
    outputs.forEach(output -> steps.put(output, node));
  }
}
