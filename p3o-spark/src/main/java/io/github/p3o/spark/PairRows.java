package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Rewards;
import java.io.Serializable;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/** A {@link PairwiseBatch} as it travels: numbers alone. */
record PairRows(
    int k,
    ImmutableLongArray ids,
    ImmutableList<ImmutableIntArray> prompts,
    ImmutableList<ImmutableIntArray> responses,
    ImmutableList<Boolean> ended,
    ImmutableDoubleArray oldLogProbs,
    ImmutableDoubleArray referenceLogProbs,
    ImmutableDoubleArray rewards)
    implements Serializable {

  static PairRows of(PairwiseBatch batch) {
    return new PairRows(
        batch.responsesPerPrompt(),
        batch.ids(),
        each(batch.prompts(), Prompt::tokens),
        each(batch.responses(), Response::tokens),
        each(batch.responses(), Response::ended),
        batch.oldLogProbs().values(),
        batch.referenceLogProbs().values(),
        batch.rewards().values());
  }

  private static <A, B> ImmutableList<B> each(List<A> list, Function<A, B> function) {
    return list.stream().map(function).collect(ImmutableList.toImmutableList());
  }

  PairwiseBatch batch() {
    return new PairwiseBatch(
        ids,
        each(prompts, Prompt::new),
        IntStream.range(0, responses.size())
            .mapToObj(i -> new Response(responses.get(i), ended.get(i)))
            .collect(ImmutableList.toImmutableList()),
        new LogProbs(k, oldLogProbs),
        new LogProbs(k, referenceLogProbs),
        new Rewards(k, rewards));
  }

  /** Parts side by side, in their order. */
  static PairwiseBatch join(List<PairRows> parts) {
    int k = parts.get(0).k();
    ImmutableLongArray.Builder ids = ImmutableLongArray.builder();
    ImmutableList.Builder<ImmutableIntArray> prompts = ImmutableList.builder();
    ImmutableList.Builder<ImmutableIntArray> responses = ImmutableList.builder();
    ImmutableList.Builder<Boolean> ended = ImmutableList.builder();
    for (PairRows part : parts) {
      ids.addAll(part.ids());
      prompts.addAll(part.prompts());
    }
    for (int i = 0; i < k; i++) {
      for (PairRows part : parts) {
        int groups = part.ids().length();
        responses.addAll(part.responses().subList(i * groups, (i + 1) * groups));
        ended.addAll(part.ended().subList(i * groups, (i + 1) * groups));
      }
    }
    return new PairRows(
            k,
            ids.build(),
            prompts.build(),
            responses.build(),
            ended.build(),
            joinRows(k, parts, PairRows::oldLogProbs),
            joinRows(k, parts, PairRows::referenceLogProbs),
            joinRows(k, parts, PairRows::rewards))
        .batch();
  }

  /** Grids of k rows side by side. */
  static <T> ImmutableDoubleArray joinRows(
      int k, List<T> parts, Function<T, ImmutableDoubleArray> grid) {
    ImmutableDoubleArray.Builder joined = ImmutableDoubleArray.builder();
    for (int i = 0; i < k; i++) {
      for (T part : parts) {
        ImmutableDoubleArray values = grid.apply(part);
        int groups = values.length() / k;
        joined.addAll(values.subArray(i * groups, (i + 1) * groups));
      }
    }
    return joined.build();
  }
}
