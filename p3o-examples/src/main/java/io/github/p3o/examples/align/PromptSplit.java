package io.github.p3o.examples.align;

import com.google.common.collect.ContiguousSet;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Iterables;
import com.google.common.collect.Lists;
import io.github.p3o.Prompt;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * Prompts to learn from, and prompts to judge on.
 *
 * @param training at least one; read from where they are
 * @param judging held-out ones, again from the front where there are too few: {@link Judged} and
 *     the tournament take those for one prompt, answered more than once
 * @param heldOut how many different ones were held out; 0 if judging is on the training prompts
 */
record PromptSplit(List<Prompt> training, ImmutableList<Prompt> judging, int heldOut) {

  /** With fewer prompts none is held out. */
  private static final int FEW = 5;

  /**
   * Splits at random.
   *
   * @param prompts at least one
   * @param share to hold out
   * @param count prompts to judge on
   * @param seed of the order
   */
  static PromptSplit of(List<Prompt> prompts, double share, int count, long seed) {
    List<Integer> indices = new ArrayList<>(ContiguousSet.closedOpen(0, prompts.size()));
    Collections.shuffle(indices, new Random(seed));
    List<Prompt> order = Lists.transform(indices, prompts::get);
    int held = order.size() < FEW ? 0 : (int) Math.round(share * order.size());
    List<Prompt> judging = held == 0 ? order : order.subList(0, held);
    return new PromptSplit(
        order.subList(held, order.size()),
        ImmutableList.copyOf(Iterables.limit(Iterables.cycle(judging), count)),
        held);
  }

  /** What was done, in words. */
  String summary() {
    String prompts = training.size() == 1 ? "1 prompt" : training.size() + " prompts";
    return heldOut == 0
        ? prompts + ", none held out: judged on the same"
        : prompts + " to learn from, " + heldOut + " held out";
  }
}
