package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.eval.Judge;
import io.github.p3o.eval.Judge.Verdict;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.SparkException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What Spark draws, scores and judges is what one machine does. */
class SparkEvaluationTest {

  private static SparkSession spark;

  @BeforeAll
  static void start() {
    spark = Sessions.local(2);
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5})
  void tournamentAndFrontier_inAnyPartitions_areThoseOfOneMachine(int partitions) throws Exception {
    assertThat(Evaluations.on(spark, partitions).results()).isEqualTo(Evaluations.here().results());
  }

  /** More rows than a model is given at once; the Java of docs/distributed.md. */
  @Test
  void score_ofADataSet_keepsTheRowsAndAddsTheirRewards(@TempDir Path directory) {
    String path = directory.resolve("data").toString();
    spark
        .range(5000)
        .selectExpr("'id ' || id name", "array(int(id % 3)) prompt", "array(int(id % 2)) response")
        .write()
        .parquet(path);
    BanditModels models = BanditModels.USUAL;
    int partitions = 2;
    SparkRewardModel rewards = new SparkRewardModel(spark, models::rewardModel, partitions);
    Dataset<Row> scored = rewards.score(spark.read().parquet(path), "prompt", "response", "reward");
    assertThat(scored.columns()).containsExactly("name", "prompt", "response", "reward");
    assertThat(scored.count()).isEqualTo(5000);
    String right = "reward = int(prompt[0] = response[0])";
    assertThat(scored.where(right).selectExpr("name").distinct().count()).isEqualTo(5000);
  }

  @Test
  void judge_ofADataSet_addsTheNamesOfVerdicts() {
    Dataset<Row> data =
        spark.sql(
            "select * from values ('p', 'aa', 'b'), ('p', 'a', 'bb'), ('p', '', '') t(p, a, b)");
    SparkJudge judge = new SparkJudge(spark, Evaluations::longerIsBetter, 2);
    List<Row> rows = judge.judge(data, "p", "a", "b", "verdict").collectAsList();
    assertThat(rows).extracting(row -> row.getString(3)).containsExactly("FIRST", "SECOND", "TIE");
  }

  @Test
  void judge_noQuestions_hasNoVerdicts() {
    SparkJudge judge = new SparkJudge(spark, Evaluations::longerIsBetter, 2);
    assertThat(judge.judge(ImmutableList.of())).isEmpty();
  }

  /** Counts, in this JVM, how many are open. */
  private static final class CountedJudge implements Judge<String, String>, AutoCloseable {
    private static int made;
    private static int closed;

    CountedJudge() {
      synchronized (CountedJudge.class) {
        made++;
      }
    }

    @Override
    public ImmutableList<Verdict> judge(ImmutableList<Question<String, String>> questions) {
      if (questions.get(0).prompt().isEmpty()) {
        FaultyModels.exhaust();
      }
      return questions.stream().map(q -> Verdict.TIE).collect(ImmutableList.toImmutableList());
    }

    @Override
    public void close() {
      synchronized (CountedJudge.class) {
        closed++;
      }
    }
  }

  @BeforeEach
  void countFromZero() {
    CountedJudge.made = 0;
    CountedJudge.closed = 0;
  }

  @Test
  void judge_eachTask_makesOneJudgeAndClosesIt() {
    Judge.Question<String, String> question = new Judge.Question<>("p", "a", "b");
    SparkJudge judge = new SparkJudge(spark, CountedJudge::new, 2);
    assertThat(judge.judge(ImmutableList.of(question, question, question)))
        .containsOnly(Verdict.TIE)
        .hasSize(3);
    assertThat(CountedJudge.made).isEqualTo(2);
    assertThat(CountedJudge.closed).isEqualTo(2);
  }

  /** An executor, here this JVM, that is told of an OutOfMemoryError ends. */
  @Test
  void judge_outOfNativeMemory_saysSoAndClosesTheJudge() {
    SparkJudge judge = new SparkJudge(spark, CountedJudge::new, 1);
    assertThatThrownBy(() -> judge.judge(ImmutableList.of(new Judge.Question<>("", "a", "b"))))
        .isInstanceOf(NativeMemoryException.class)
        .hasMessageStartingWith("native memory: expected to be enough for a task, got \"Cannot");
    assertThat(CountedJudge.made).isEqualTo(1);
    assertThat(CountedJudge.closed).isEqualTo(1);
  }

  @Test
  void score_ofADataSetOutOfNativeMemory_failsTheTaskAlone() {
    SparkRewardModel model = new SparkRewardModel(spark, SparkEvaluationTest::tooLarge, 1);
    Dataset<Row> data = spark.sql("select array(1) p, array(2) r");
    assertThatThrownBy(() -> model.score(data, "p", "r", "worth").collectAsList())
        .isInstanceOf(SparkException.class)
        .hasStackTraceContaining("native memory: expected to be enough for a task");
    assertThat(spark.range(3).count()).isEqualTo(3);
  }

  /** Cannot even be made. */
  private static RewardModel tooLarge() {
    FaultyModels.exhaust();
    return broken();
  }

  @Test
  void score_modelThatGivesTooFew_isNamed() {
    SparkRewardModel model = new SparkRewardModel(spark, SparkEvaluationTest::broken, 1);
    Dataset<Row> data = spark.sql("select array(1) p, array(2) r");
    assertThatThrownBy(() -> model.score(data, "p", "r", "worth").collectAsList())
        .isInstanceOf(SparkException.class)
        .hasStackTraceContaining("rewardModel: expected 1 rewards, one for each response, got 0");
  }

  @Test
  void judge_judgeThatGivesTooFew_isNamed() {
    SparkJudge judge = new SparkJudge(spark, () -> questions -> ImmutableList.of(), 1);
    assertThatThrownBy(() -> judge.judge(ImmutableList.of(new Judge.Question<>("p", "a", "b"))))
        .hasStackTraceContaining("judge: expected 1 verdicts, one for each question, got 0");
  }

  /** Prompt, response and whether it ended, each in a digit of its own. */
  private static RewardModel digits() {
    return RewardModel.each(
        (prompt, response) ->
            100 * prompt.tokens().get(0)
                + 10 * response.tokens().get(0)
                + (response.ended() ? 1 : 0));
  }

  @Test
  void score_givesTheModelWhatItWasGiven() {
    SparkRewardModel model = new SparkRewardModel(spark, SparkEvaluationTest::digits, 2);
    assertThat(
            model.score(
                ImmutableList.of(Prompt.of(1), Prompt.of(2)),
                ImmutableList.of(
                    new Response(ImmutableIntArray.of(3), false),
                    new Response(ImmutableIntArray.of(4), true))))
        .containsExactly(130, 241);
    Dataset<Row> data = spark.sql("select array(5) p, array(6) r");
    assertThat(model.score(data, "p", "r", "worth").first().getDouble(2)).isEqualTo(561);
  }

  @Test
  void score_columnOfAnotherType_isRefusedByName() {
    SparkRewardModel model = new SparkRewardModel(spark, SparkEvaluationTest::digits, 2);
    Dataset<Row> data = spark.sql("select array(5) p, array(6.5d) r");
    assertThatThrownBy(() -> model.score(data, "p", "r", "worth"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("r: expected arrays of tinyint, smallint, int or bigint, got array<double>");
  }

  private static RewardModel broken() {
    return (prompts, responses) -> new double[0];
  }
}
