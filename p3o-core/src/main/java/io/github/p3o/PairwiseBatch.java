package io.github.p3o;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * Pairs of responses with everything an objective needs of them but the current policy: one
 * immutable value. With k responses a prompt, a group stands for its k(k−1)/2 pairs.
 *
 * @param ids the identity of each group {@code [groups]}, kept through shuffles and splits
 * @param prompts {@code [groups]}, or empty for a batch of numbers only
 * @param responses row-major {@code [k, groups]}, or empty for a batch of numbers only
 * @param oldLogProbs log π_old(y|x), recorded when the response was sampled {@code [k, groups]}
 * @param referenceLogProbs log π_ref(y|x) of the frozen reference policy {@code [k, groups]}
 * @param rewards {@code [k, groups]}
 * @param targets of the tokens of each response, row-major {@code [k, groups]}; empty for
 *     objectives on whole responses
 */
public record PairwiseBatch(
    ImmutableLongArray ids,
    ImmutableList<Prompt> prompts,
    ImmutableList<Response> responses,
    LogProbs oldLogProbs,
    LogProbs referenceLogProbs,
    Rewards rewards,
    ImmutableList<TokenTargets> targets) {

  /** Checks that all parts agree in size. */
  public PairwiseBatch {
    int groups = oldLogProbs.groups();
    int k = oldLogProbs.responses();
    checkArgument(k >= 2, "oldLogProbs: expected at least 2 responses a prompt, got %s", k);
    checkArgument(groups >= 1, "oldLogProbs: expected at least 1 pair, got none");
    checkShape(
        "referenceLogProbs", k, groups, referenceLogProbs.responses(), referenceLogProbs.groups());
    checkShape("rewards", k, groups, rewards.responses(), rewards.groups());
    checkArgument(ids.length() == groups, "ids: expected length %s, got %s", groups, ids.length());
    checkArgument(
        prompts.isEmpty() || prompts.size() == groups,
        "prompts: expected %s or none, got %s",
        groups,
        prompts.size());
    checkArgument(
        responses.size() == prompts.size() * k,
        "responses: expected %s, got %s",
        prompts.size() * k,
        responses.size());
    checkArgument(
        targets.isEmpty() || targets.size() == responses.size(),
        "targets: expected %s or none, got %s",
        responses.size(),
        targets.size());
    for (int i = 0; i < targets.size(); i++) {
      Tokens.checkLength("targets[" + i + "]", responses.get(i).length(), targets.get(i).length());
    }
  }

  /**
   * A batch for objectives on whole responses.
   *
   * @param ids the identity of each group {@code [groups]}
   * @param prompts {@code [groups]}, or empty for a batch of numbers only
   * @param responses row-major {@code [k, groups]}, or empty for a batch of numbers only
   * @param oldLogProbs log π_old(y|x) {@code [k, groups]}
   * @param referenceLogProbs log π_ref(y|x) {@code [k, groups]}
   * @param rewards {@code [k, groups]}
   * @throws IllegalArgumentException if the sizes differ
   */
  public PairwiseBatch(
      ImmutableLongArray ids,
      ImmutableList<Prompt> prompts,
      ImmutableList<Response> responses,
      LogProbs oldLogProbs,
      LogProbs referenceLogProbs,
      Rewards rewards) {
    this(ids, prompts, responses, oldLogProbs, referenceLogProbs, rewards, ImmutableList.of());
  }

  /**
   * The same batch for an objective on tokens.
   *
   * @param targets of the tokens of each response, row-major {@code [k, groups]}
   * @return a batch that differs in the targets alone
   * @throws IllegalArgumentException if they do not fit the responses
   */
  public PairwiseBatch withTargets(ImmutableList<TokenTargets> targets) {
    return new PairwiseBatch(
        ids, prompts, responses, oldLogProbs, referenceLogProbs, rewards, targets);
  }

  private static void checkShape(String name, int k, int groups, int gotK, int gotGroups) {
    checkArgument(
        gotK == k && gotGroups == groups,
        "%s: expected shape [%s, %s], got [%s, %s]",
        name,
        k,
        groups,
        gotK,
        gotGroups);
  }

  /**
   * A batch for a policy that lives in another engine: numbers, no tokens.
   *
   * @param oldLogProbs log π_old(y|x) {@code [k, groups]}
   * @param referenceLogProbs log π_ref(y|x) {@code [k, groups]}
   * @param rewards {@code [k, groups]}
   * @return the batch, its ids 0, 1, …
   * @throws IllegalArgumentException if the shapes differ
   */
  public static PairwiseBatch ofNumbers(
      LogProbs oldLogProbs, LogProbs referenceLogProbs, Rewards rewards) {
    return new PairwiseBatch(
        ImmutableLongArray.copyOf(LongStream.range(0, oldLogProbs.groups())),
        ImmutableList.of(),
        ImmutableList.of(),
        oldLogProbs,
        referenceLogProbs,
        rewards);
  }

  /** The same responses with other rewards. */
  PairwiseBatch withRewards(Rewards other) {
    return new PairwiseBatch(ids, prompts, responses, oldLogProbs, referenceLogProbs, other);
  }

  /**
   * The number of groups: pairs, where k = 2.
   *
   * @return groups, at least 1
   */
  public int groups() {
    return oldLogProbs.groups();
  }

  /**
   * The responses of each prompt.
   *
   * @return k, at least 2
   */
  public int responsesPerPrompt() {
    return oldLogProbs.responses();
  }

  /**
   * These groups, in this order.
   *
   * @param groups column indices
   * @return a batch of {@code groups.length} groups
   */
  public PairwiseBatch select(int... groups) {
    return new PairwiseBatch(
        ImmutableLongArray.copyOf(Arrays.stream(groups).mapToLong(ids::get)),
        prompts.isEmpty()
            ? prompts
            : Arrays.stream(groups).mapToObj(prompts::get).collect(ImmutableList.toImmutableList()),
        selectEach(responses, groups),
        oldLogProbs.select(groups),
        referenceLogProbs.select(groups),
        rewards.select(groups),
        selectEach(targets, groups));
  }

  /** The elements of these groups, of a list that is empty or row-major {@code [k, groups]}. */
  private <T> ImmutableList<T> selectEach(ImmutableList<T> each, int[] groups) {
    int rows = each.isEmpty() ? 0 : responsesPerPrompt();
    return IntStream.range(0, rows)
        .boxed()
        .flatMap(i -> Arrays.stream(groups).mapToObj(g -> each.get(i * groups() + g)))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * The prompt of every response, in the order of the responses.
   *
   * @return {@code [k × groups]}, or empty for a batch of numbers only
   */
  public ImmutableList<Prompt> promptOfEach() {
    ImmutableList.Builder<Prompt> repeated = ImmutableList.builder();
    for (int i = 0; i < responsesPerPrompt(); i++) {
      repeated.addAll(prompts);
    }
    return repeated.build();
  }
}
