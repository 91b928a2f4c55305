package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import io.github.p3o.eval.Judge;
import java.io.Serializable;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;

/**
 * Judges texts on the executors, for a {@link io.github.p3o.eval.Tournament} and for data sets of
 * any size. Answers of token ids are judged by rewards: {@link Judge#byReward} of a {@link
 * SparkRewardModel}.
 */
public final class SparkJudge implements Judge<String, String> {

  private final JavaSparkContext spark;
  private final Function0<Judge<String, String>> judge;
  private final int partitions;

  /** A question as it travels. */
  private record Asked(String prompt, String first, String second) implements Serializable {}

  /**
   * A judge whose work is divided up.
   *
   * @param spark the application
   * @param judge makes the judge of each task; it is closed with the task if it can be. Limits of a
   *     judge, such as requests a minute, are then those of a task
   * @param partitions tasks that questions are divided into, ≥ 1
   * @throws IllegalArgumentException if partitions is below 1
   */
  public SparkJudge(SparkSession spark, Function0<Judge<String, String>> judge, int partitions) {
    Partitions.check(partitions);
    this.spark = JavaSparkContext.fromSparkContext(spark.sparkContext());
    this.judge = judge;
    this.partitions = partitions;
  }

  @Override
  public ImmutableList<Verdict> judge(ImmutableList<Question<String, String>> questions) {
    List<Asked> rows =
        questions.stream()
            .map(question -> new Asked(question.prompt(), question.first(), question.second()))
            .toList();
    return ImmutableList.copyOf(
        Partitions.answers(spark, partitions, judge, rows, SparkJudge::verdicts));
  }

  private static List<Verdict> verdicts(Judge<String, String> judge, List<Asked> rows) {
    List<Verdict> verdicts =
        judge.judge(
            rows.stream()
                .map(row -> new Question<>(row.prompt(), row.first(), row.second()))
                .collect(ImmutableList.toImmutableList()));
    checkArgument(
        verdicts.size() == rows.size(),
        "judge: expected %s verdicts, one for each question, got %s",
        rows.size(),
        verdicts.size());
    return verdicts;
  }

  /**
   * Judges a data set, each row in the order given. Its rows stay on the executors; the result is
   * computed when it is asked for.
   *
   * @param data any rows
   * @param prompt column of texts
   * @param first column of the answers that are shown first, texts
   * @param second column of the others, texts
   * @param verdict name of the new column
   * @return the rows with the names of their {@link Judge.Verdict}
   */
  public Dataset<Row> judge(
      Dataset<Row> data, String prompt, String first, String second, String verdict) {
    int[] columns = Stream.of(prompt, first, second).mapToInt(data.schema()::fieldIndex).toArray();
    return NewColumn.of(
        data,
        verdict,
        DataTypes.StringType,
        judge,
        (own, rows) ->
            verdicts(
                    own,
                    rows.stream()
                        .map(
                            row ->
                                new Asked(
                                    row.getString(columns[0]),
                                    row.getString(columns[1]),
                                    row.getString(columns[2])))
                        .toList())
                .stream()
                .map(Verdict::name)
                .toList());
  }
}
