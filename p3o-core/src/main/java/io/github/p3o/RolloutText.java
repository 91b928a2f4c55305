package io.github.p3o;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.ImmutableLongArray;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Rollouts as JSON, to the bit: doubles are written so that they are read back as they were. */
final class RolloutText {

  private static final ObjectMapper JSON = new ObjectMapper();

  private record Saved(
      long policyStep,
      List<Long> ids,
      List<List<Integer>> prompts,
      List<List<Integer>> responses,
      List<Boolean> ended,
      List<Double> oldLogProbs,
      List<Double> referenceLogProbs,
      List<Double> rewards,
      Map<String, Double> timings) {

    static Saved of(RolloutSource.Scored rollout) {
      PairwiseBatch batch = rollout.batch();
      return new Saved(
          rollout.policyStep(),
          batch.ids().asList(),
          batch.prompts().stream().map(prompt -> ints(prompt.tokens())).toList(),
          batch.responses().stream().map(response -> ints(response.tokens())).toList(),
          batch.responses().stream().map(Response::ended).toList(),
          batch.oldLogProbs().values().asList(),
          batch.referenceLogProbs().values().asList(),
          batch.rewards().values().asList(),
          rollout.timings());
    }

    private static List<Integer> ints(ImmutableIntArray ids) {
      return ids.asList();
    }

    RolloutSource.Scored rollout() {
      int k = responses.size() / prompts.size();
      List<Response> all = new ArrayList<>();
      for (int i = 0; i < responses.size(); i++) {
        all.add(new Response(ImmutableIntArray.copyOf(responses.get(i)), ended.get(i)));
      }
      PairwiseBatch batch =
          new PairwiseBatch(
              ImmutableLongArray.copyOf(ids),
              prompts.stream()
                  .map(tokens -> new Prompt(ImmutableIntArray.copyOf(tokens)))
                  .collect(ImmutableList.toImmutableList()),
              ImmutableList.copyOf(all),
              LogProbs.ofFlat(k, Doubles.toArray(oldLogProbs)),
              LogProbs.ofFlat(k, Doubles.toArray(referenceLogProbs)),
              Rewards.ofFlat(k, Doubles.toArray(rewards)));
      return new RolloutSource.Scored(
          policyStep, batch, ImmutableList.of(), ImmutableMap.copyOf(timings));
    }
  }

  private RolloutText() {}

  static String of(List<RolloutSource.Scored> rollouts) {
    try {
      return JSON.writeValueAsString(rollouts.stream().map(Saved::of).toList());
    } catch (JsonProcessingException e) {
      throw new AssertionError(e); // numbers and words alone
    }
  }

  /**
   * Reads them back.
   *
   * @throws IllegalArgumentException for anything that {@link #of} does not write
   */
  static ImmutableList<RolloutSource.Scored> read(String text) {
    try {
      List<Saved> saved = JSON.readValue(text, new TypeReference<List<Saved>>() {});
      return saved.stream().map(Saved::rollout).collect(ImmutableList.toImmutableList());
    } catch (JsonProcessingException | RuntimeException e) {
      throw new IllegalArgumentException("rolloutsAhead: expected rollouts, got " + e, e);
    }
  }
}
