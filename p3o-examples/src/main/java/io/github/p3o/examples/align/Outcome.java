package io.github.p3o.examples.align;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.eval.Judge;
import io.github.p3o.eval.Tournament;
import io.github.p3o.examples.report.Estimate;
import io.github.p3o.examples.run.TextTable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * How alignments of one policy went.
 *
 * @param seeds of the runs
 * @param runs by method, one run for each seed; all begin at the same policy
 * @param columns what there is to say
 */
public record Outcome(
    ImmutableList<Long> seeds,
    ImmutableMap<String, ImmutableList<ImmutableList<Alignment.Point>>> runs,
    Columns columns) {

  /**
   * What there is to say about a run.
   *
   * @param gold the name of the known preference, empty if there is none
   * @param grammar whether the language has rules to keep
   */
  public record Columns(String gold, boolean grammar) {

    /** What preference win rates are by. */
    String judge() {
      return gold.isEmpty() ? "the reward" : gold;
    }
  }

  /** The policy that all runs began with. */
  public Judged before() {
    return runs.values().iterator().next().get(0).get(0).judged();
  }

  /** What the runs of a method ended with, one for each seed. */
  ImmutableList<Judged> after(String method) {
    return runs.getOrDefault(method, ImmutableList.of()).stream()
        .map(run -> run.get(run.size() - 1).judged())
        .collect(ImmutableList.toImmutableList());
  }

  /** Before and after, each number with its standard error. */
  TextTable table() {
    List<String> header = new ArrayList<>(List.of("policy", "reward"));
    if (!columns.gold().isEmpty()) {
      header.add("gold");
    }
    header.addAll(List.of("KL, nats", "wins", "tokens"));
    if (columns.grammar()) {
      header.add("grammatical");
    }
    TextTable table = new TextTable(header.toArray(String[]::new));
    table.add(row("before", ImmutableList.of(before())));
    runs.keySet().forEach(method -> table.add(row(method, after(method))));
    return table;
  }

  private String[] row(String name, ImmutableList<Judged> judged) {
    List<String> cells = new ArrayList<>(List.of(name, over(judged, Judged::meanReward).text(3)));
    if (!columns.gold().isEmpty()) {
      cells.add(over(judged, Judged::meanGold).text(3));
    }
    cells.add(over(judged, Judged::meanKl).text(2));
    cells.add(over(judged, each -> each.winRate(before())).percent());
    cells.add(over(judged, Judged::meanLength).text(1));
    if (columns.grammar()) {
      cells.add(over(judged, Judged::meanWellFormed).percent());
    }
    return cells.toArray(String[]::new);
  }

  /** Of one run as it is; of several the mean over seeds. */
  private static <T> Estimate over(List<T> runs, Function<T, Estimate> quantity) {
    return runs.size() == 1
        ? quantity.apply(runs.get(0))
        : Estimate.of(runs.stream().mapToDouble(run -> quantity.apply(run).mean()).toArray());
  }

  /** The caption's last words: what the errors are. */
  String errors() {
    return seeds.size() == 1
        ? errorsOfARun()
        : "Means over "
            + seeds.size()
            + " seeds of the alignment, ± the standard error over seeds; before is one policy: "
            + errorsOfARun();
  }

  private String errorsOfARun() {
    int prompts = before().distinctPrompts();
    if (prompts > 1) {
      return "± is the standard error over the " + prompts + " different prompts judged on.";
    }
    return before().prompts().size() == 1
        ? "There is no standard error, as one prompt was judged on, once."
        : "± is the standard error over the answers to the one prompt judged on, and says nothing"
            + " of other prompts.";
  }

  /** What answers and tournament are of; empty if there is nothing else that they could be of. */
  String shown() {
    return seeds.size() == 1
        ? ""
        : "Answers and tournament are of the runs with seed "
            + seeds.get(0)
            + " alone, the tournament's intervals over prompts alone.";
  }

  /** Each policy of the first seed against each on the held-out prompts, by first answers. */
  Tournament tournament() {
    Tournament.Builder<String, Answer> builder = Tournament.builder(before().prompts());
    builder.player("before", Answer.of(before()));
    runs.keySet().forEach(method -> builder.player(method, Answer.of(after(method).get(0))));
    builder.judge("reward", Judge.byScore((prompt, answer) -> answer.reward()));
    if (!columns.gold().isEmpty()) {
      builder.judge(columns.gold(), Judge.byScore((prompt, answer) -> answer.gold()));
    }
    return builder.play();
  }

  /** An answer and what it is worth. */
  private record Answer(String text, double reward, double gold) {

    /** The first answer to each prompt. */
    static ImmutableList<Answer> of(Judged judged) {
      return IntStream.range(0, judged.prompts().size())
          .mapToObj(
              i -> new Answer(judged.texts().get(i), judged.reward().get(i), judged.gold().get(i)))
          .collect(ImmutableList.toImmutableList());
    }
  }

  /**
   * What the policies of the first seed answer to the same prompt.
   *
   * @param prompt of which
   * @return before, then one answer for each method
   */
  ImmutableList<String> answers(int prompt) {
    ImmutableList.Builder<String> answers = ImmutableList.builder();
    answers.add(before().texts().get(prompt));
    runs.keySet().forEach(method -> answers.add(after(method).get(0).texts().get(prompt)));
    return answers.build();
  }

  /** The names that go with {@link #answers}. */
  ImmutableList<String> names() {
    return ImmutableList.<String>builder().add("before").addAll(runs.keySet()).build();
  }
}
