package io.github.p3o.examples.align;

import com.google.common.collect.ContiguousSet;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableListMultimap;
import com.google.common.collect.Iterables;
import com.google.common.collect.Lists;
import com.google.common.collect.Multimaps;
import io.github.p3o.Prompt;
import io.github.p3o.examples.language.SplitPrompts;
import io.github.p3o.examples.report.JudgedOn;
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
   * As they were split. Where one of the sides is empty, none is held out.
   *
   * @param prompts at least one
   * @param count prompts to judge on
   * @param seed of the order
   */
  static PromptSplit of(SplitPrompts prompts, int count, long seed) {
    List<Integer> order = new ArrayList<>(ContiguousSet.closedOpen(0, prompts.all().size()));
    Collections.shuffle(order, new Random(seed));
    ImmutableListMultimap<Boolean, Integer> sides = Multimaps.index(order, prompts.heldOut()::test);
    boolean none = order.size() < FEW || sides.keySet().size() < 2;
    List<Integer> judging = none ? order : sides.get(true);
    return new PromptSplit(
        Lists.transform(none ? order : sides.get(false), prompts.all()::get),
        ImmutableList.copyOf(
            Iterables.limit(Iterables.cycle(Lists.transform(judging, prompts.all()::get)), count)),
        none ? 0 : judging.size());
  }

  /** What judgements are made on. */
  JudgedOn judgedOn() {
    return heldOut == 0 ? JudgedOn.TRAINING : JudgedOn.HELD_OUT;
  }

  /** What was done, in words. */
  String summary() {
    String prompts = training.size() == 1 ? "1 prompt" : training.size() + " prompts";
    return heldOut == 0
        ? prompts + ", none held out: judged on the same"
        : prompts + " to learn from, " + heldOut + " held out";
  }
}
