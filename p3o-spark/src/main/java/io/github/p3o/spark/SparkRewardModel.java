package io.github.p3o.spark;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.Doubles;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import java.io.Serializable;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function0;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;

/**
 * Scores given responses on the executors, for evaluation: a {@link RewardModel} for {@link
 * io.github.p3o.eval.FrontierProbe} and, by {@link io.github.p3o.eval.Judge#byReward}, for {@link
 * io.github.p3o.eval.Tournament}; and for data sets of any size. Rewards are those of one machine,
 * however the responses are divided up, if the model's do not depend on what it scores beside.
 */
public final class SparkRewardModel implements RewardModel {

  private final JavaSparkContext spark;
  private final Function0<RewardModel> model;
  private final int partitions;

  /** A response and its prompt as they travel. */
  private record Scored(ImmutableIntArray prompt, ImmutableIntArray response, boolean ended)
      implements Serializable {}

  /**
   * A reward model whose work is divided up.
   *
   * @param spark the application
   * @param model makes the reward model of each task, from files that all machines see; it is
   *     closed with the task if it can be. {@code models::rewardModel} of a {@link SparkModels}
   *     will do
   * @param partitions tasks that responses are divided into, ≥ 1
   * @throws IllegalArgumentException if partitions is below 1
   */
  public SparkRewardModel(SparkSession spark, Function0<RewardModel> model, int partitions) {
    Partitions.check(partitions);
    this.spark = JavaSparkContext.fromSparkContext(spark.sparkContext());
    this.model = model;
    this.partitions = partitions;
  }

  @Override
  public double[] score(ImmutableList<Prompt> prompts, ImmutableList<Response> responses) {
    List<Scored> rows =
        IntStream.range(0, responses.size())
            .mapToObj(
                i ->
                    new Scored(
                        prompts.get(i).tokens(),
                        responses.get(i).tokens(),
                        responses.get(i).ended()))
            .toList();
    return Doubles.toArray(
        Partitions.answers(spark, partitions, model, rows, SparkRewardModel::scores));
  }

  private static List<Double> scores(RewardModel model, List<Scored> rows) {
    double[] scores =
        model.score(
            rows.stream()
                .map(row -> new Prompt(row.prompt()))
                .collect(ImmutableList.toImmutableList()),
            rows.stream()
                .map(row -> new Response(row.response(), row.ended()))
                .collect(ImmutableList.toImmutableList()));
    checkArgument(
        scores.length == rows.size(),
        "rewardModel: expected %s rewards, one for each response, got %s",
        rows.size(),
        scores.length);
    return Doubles.asList(scores);
  }

  /**
   * Scores a data set. Its rows stay on the executors; the result is computed when it is asked for.
   *
   * @param data any rows
   * @param prompt column of arrays of token ids (tinyint, smallint, int or bigint), each with at
   *     least one
   * @param response column of the responses, likewise; they count as ended
   * @param reward name of the new column
   * @return the rows with their rewards, float64
   * @throws IllegalArgumentException for a column of another type
   */
  public Dataset<Row> score(Dataset<Row> data, String prompt, String response, String reward) {
    int ofPrompt = data.schema().fieldIndex(prompt);
    int ofResponse = data.schema().fieldIndex(response);
    TokenRow.check(data.schema().fields()[ofPrompt]);
    TokenRow.check(data.schema().fields()[ofResponse]);
    return NewColumn.of(
        data,
        reward,
        DataTypes.DoubleType,
        model,
        (own, rows) ->
            scores(
                own,
                rows.stream()
                    .map(
                        row ->
                            new Scored(
                                TokenRow.ids(row, ofPrompt), TokenRow.ids(row, ofResponse), true))
                    .toList()));
  }
}
