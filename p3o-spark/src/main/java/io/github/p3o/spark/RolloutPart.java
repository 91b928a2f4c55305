package io.github.p3o.spark;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.Prompt;
import java.io.Serializable;
import java.util.List;

/** Some prompts of a step, with what is drawn to each decided: the work of one task. */
record RolloutPart(
    ImmutableLongArray ids, ImmutableList<ImmutableIntArray> tokens, ImmutableLongArray seeds)
    implements Serializable {

  static RolloutPart of(
      ImmutableLongArray ids, List<Prompt> prompts, ImmutableLongArray seeds, int from, int to) {
    return new RolloutPart(
        ids.subArray(from, to).trimmed(),
        prompts.subList(from, to).stream()
            .map(Prompt::tokens)
            .collect(ImmutableList.toImmutableList()),
        seeds.subArray(from, to).trimmed());
  }

  ImmutableList<Prompt> prompts() {
    return tokens.stream().map(Prompt::new).collect(ImmutableList.toImmutableList());
  }
}
