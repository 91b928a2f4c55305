package io.github.p3o.online;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;

/**
 * What a user thought of the responses that were served.
 *
 * @param id the host's name for it, 1 to 200 characters
 * @param prompt what was asked
 * @param responses what was answered {@code [k]}, at least 2
 * @param logProbs log π(y|x) of each, recorded when it was sampled, of the version that was served
 *     then; nats {@code [k]}, finite; {@link OnlineAligner#offer} takes −10¹⁵ to 0, and up to 10⁻³
 *     by rounding
 * @param rewards higher is better {@code [k]}, finite; {@code offer} takes −10¹⁵ to 10¹⁵
 */
public record Feedback(
    String id,
    Prompt prompt,
    ImmutableList<Response> responses,
    ImmutableDoubleArray logProbs,
    ImmutableDoubleArray rewards) {

  private static final int MAX_ID = 200;

  /** Beyond it, float64 hardly tells two rewards apart; squares of it are finite in float32. */
  private static final double MOST = 1e15;

  /** Sums of many log-probabilities near 0 may be above it. */
  private static final double ROUNDING = 1e-3;

  /** Checks that all parts agree in size. */
  public Feedback {
    checkArgument(
        !id.isEmpty() && id.length() <= MAX_ID,
        "id: expected 1 to %s characters, got %s",
        MAX_ID,
        id.length());
    int k = responses.size();
    checkArgument(k >= 2, "responses: expected at least 2, got %s", k);
    check("logProbs", logProbs, k);
    check("rewards", rewards, k);
  }

  private static void check(String name, ImmutableDoubleArray values, int k) {
    checkArgument(
        values.length() == k, "%s: expected %s, as many as responses, got %s", name, k, values);
    for (int i = 0; i < k; i++) {
      checkArgument(
          Double.isFinite(values.get(i)),
          "%s[%s]: expected a finite number, got %s",
          name,
          i,
          values.get(i));
    }
  }

  /**
   * Checks that it can be trained on. Not for what is in a journal already, which must stay
   * readable whatever was allowed when it was written.
   *
   * @throws IllegalArgumentException if a log-probability is none, or a number too large
   */
  void checkBounds() {
    checkBounds("logProbs", logProbs, ROUNDING);
    checkBounds("rewards", rewards, MOST);
  }

  private static void checkBounds(String name, ImmutableDoubleArray values, double most) {
    for (int i = 0; i < values.length(); i++) {
      double value = values.get(i);
      checkArgument(
          value >= -MOST && value <= most,
          "%s[%s]: expected a number from %s to %s, got %s",
          name,
          i,
          -MOST,
          most,
          value);
    }
  }

  /**
   * Of two responses, which one was liked better: rewards 1 and 0.
   *
   * @param id the host's name for it
   * @param prompt what was asked
   * @param responses the two
   * @param logProbs of the two, when they were sampled
   * @param preferred 0 or 1
   * @return the feedback
   * @throws IllegalArgumentException if there are not two, or {@code preferred} is neither
   */
  public static Feedback preference(
      String id,
      Prompt prompt,
      ImmutableList<Response> responses,
      ImmutableDoubleArray logProbs,
      int preferred) {
    checkArgument(responses.size() == 2, "responses: expected 2, got %s", responses.size());
    checkArgument(
        preferred == 0 || preferred == 1, "preferred: expected 0 or 1, got %s", preferred);
    return new Feedback(
        id,
        prompt,
        responses,
        logProbs,
        ImmutableDoubleArray.of(1.0 - preferred, (double) preferred));
  }
}
