package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableDoubleArray;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.LogProbs;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.Samples;
import java.io.Serializable;
import java.util.List;

/** {@link Samples} as they travel, without their prompts. */
record SampleRows(
    int k,
    int groups,
    ImmutableList<ImmutableIntArray> responses,
    ImmutableList<Boolean> ended,
    ImmutableDoubleArray behaviour)
    implements Serializable {

  static SampleRows of(Samples samples) {
    return new SampleRows(
        samples.behaviour().responses(),
        samples.prompts().size(),
        samples.responses().stream().map(Response::tokens).collect(ImmutableList.toImmutableList()),
        samples.responses().stream().map(Response::ended).collect(ImmutableList.toImmutableList()),
        samples.behaviour().values());
  }

  /** Parts side by side, in the order of the prompts. */
  static Samples join(ImmutableList<Prompt> prompts, int k, List<SampleRows> parts) {
    ImmutableList.Builder<Response> responses = ImmutableList.builder();
    for (int i = 0; i < k; i++) {
      for (SampleRows part : parts) {
        for (int at = i * part.groups; at < (i + 1) * part.groups; at++) {
          responses.add(new Response(part.responses.get(at), part.ended.get(at)));
        }
      }
    }
    return new Samples(
        prompts,
        responses.build(),
        new LogProbs(k, PairRows.joinRows(k, parts, SampleRows::behaviour)));
  }
}
