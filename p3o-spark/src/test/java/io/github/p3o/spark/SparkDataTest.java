package io.github.p3o.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.text.Tokenizer;
import io.github.p3o.text.Tokenizers;
import io.github.p3o.train.Comparison;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prompts and preferences from files. */
class SparkDataTest {

  @TempDir private static Path directory = Path.of("");

  private static final int BEGIN = Tokenizers.bytes().beginToken().orElseThrow();
  private static final int END = Tokenizers.bytes().endToken().orElseThrow();

  private static SparkSession spark;

  @BeforeAll
  static void start() {
    spark = Sessions.local(2);
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  /** Row i holds i + 1 and, in every other row, i + 2. */
  private static Dataset<Row> rows(int count) {
    return spark
        .range(count)
        .selectExpr("if(id % 2 = 0, array(int(id + 1)), array(int(id + 1), int(id + 2))) tokens");
  }

  private static ImmutableList<Prompt> drawn(SparkPrompts prompts) {
    return prompts.next(20, new SplittableRandom(4));
  }

  @Test
  void next_sameRowsInOtherFilesAndPartitions_drawsTheSamePrompts() {
    String parquet = directory.resolve("parquet").toString();
    String json = directory.resolve("json").toString();
    rows(300).repartition(5).write().parquet(parquet);
    rows(300).repartition(2).write().json(json);
    try (SparkPrompts one = SparkPrompts.ofTokens(rows(300).coalesce(1), "tokens");
        SparkPrompts five = SparkPrompts.ofTokens(spark.read().parquet(parquet), "tokens");
        SparkPrompts two = SparkPrompts.ofTokens(spark.read().json(json), "tokens")) {
      assertThat(one.count()).isEqualTo(300);
      assertThat(drawn(one)).hasSize(20);
      assertThat(drawn(five)).isEqualTo(drawn(one));
      assertThat(drawn(two)).isEqualTo(drawn(one));
      assertThat(two.state()).isEqualTo(one.state());
      two.restore(one.state());
    }
  }

  /** Each of 6 rows comes with probability 1/6. */
  @Test
  void next_manyTimes_drawsEveryRowAsOften() {
    try (SparkPrompts prompts = SparkPrompts.ofTokens(rows(6), "tokens")) {
      ImmutableList<Prompt> drawn = prompts.next(6000, new SplittableRandom(1));
      for (Prompt prompt : prompts.next(50, new SplittableRandom(2)).stream().distinct().toList()) {
        long times = drawn.stream().filter(prompt::equals).count();
        assertThat(times).isBetween(850L, 1150L); // 5 deviations of 29
      }
    }
  }

  @Test
  void restore_ofOtherRows_isRefused() {
    try (SparkPrompts some = SparkPrompts.ofTokens(rows(6), "tokens");
        SparkPrompts others = SparkPrompts.ofTokens(rows(7), "tokens")) {
      assertThatThrownBy(() -> others.restore(some.state()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageMatching("rows: expected 6 rows .* as in the checkpoint, got 7 rows .*");
    }
  }

  /** The same tokens, but others of them are the prompt. */
  @Test
  void state_ofColumnsThatEndElsewhere_isAnother() {
    List<String> columns = List.of("p", "c");
    try (IndexedRows one =
            IndexedRows.ofTokens(spark.sql("select array(1) p, array(2, 3) c"), columns);
        IndexedRows other =
            IndexedRows.ofTokens(spark.sql("select array(1, 2) p, array(3) c"), columns)) {
      assertThat(other.state()).isNotEqualTo(one.state());
    }
  }

  @Test
  void ofTokens_rowsWithoutTokens_areCountedAndRefused() {
    Dataset<Row> data = spark.sql("select explode(array(array(1), array(), null)) tokens");
    assertThatThrownBy(() -> SparkPrompts.ofTokens(data, "tokens"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("[tokens]: expected at least one token in every row, got 2 rows of 3 without");
    assertThatThrownBy(() -> SparkPrompts.ofTokens(data.limit(0), "tokens"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("[tokens]: expected at least one row, got none");
  }

  @Test
  void ofTokens_everyTypeOfWholeNumbers_isTheSame() {
    for (String type : List.of("tinyint", "smallint", "int", "bigint")) {
      Dataset<Row> data = spark.sql("select cast(array(1, 2) as array<" + type + ">) tokens");
      try (SparkPrompts prompts = SparkPrompts.ofTokens(data, "tokens")) {
        assertThat(prompts.next(1, new SplittableRandom(1))).containsExactly(Prompt.of(1, 2));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"array<double>", "array<decimal(3,1)>", "array<string>", "string", "bigint"})
  void ofTokens_columnOfAnotherType_isRefusedByNameBeforeAnyJob(String type) {
    Dataset<Row> data = spark.sql("select array(1) p, cast(null as " + type + ") tokens");
    assertThatThrownBy(() -> SparkComparisons.ofTokens(data, "p", "tokens", "p"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tokens: expected arrays of tinyint, smallint, int or bigint, got " + type);
  }

  @Test
  void ofTokens_idThatIsNoInt_namesItAndItsRow() {
    Dataset<Row> data = spark.sql("select array(bigint(1), bigint(4294967298)) tokens");
    assertThatThrownBy(() -> SparkPrompts.ofTokens(data, "tokens"))
        .hasMessageContaining(
            "tokens: expected ids that are ints, got 4294967298 in the row that begins with"
                + " [1, 4294967298]");
    assertThatThrownBy(
            () -> SparkPrompts.ofTokens(spark.sql("select array(3, null) tokens"), "tokens"))
        .hasMessageContaining("got null in the row that begins with [3, null]");
  }

  @Test
  void ofText_isEncodedOnTheExecutors() throws Exception {
    Path file = directory.resolve("prompts.jsonl");
    Files.writeString(file, "{\"text\": \"ab\"}\n{\"text\": \"c\"}\n", StandardCharsets.UTF_8);
    try (SparkPrompts prompts =
        SparkPrompts.ofText(spark.read().json(file.toString()), "text", Tokenizers::bytes)) {
      assertThat(prompts.next(30, new SplittableRandom(1)))
          .containsOnly(Prompt.of(BEGIN, 'a', 'b'), Prompt.of(BEGIN, 'c'));
    }
  }

  @Test
  void comparisons_ofText_beginWithBeginAndEndWithEnd() {
    Dataset<Row> data = spark.sql("select 'ab' p, 'c' c, '' r");
    try (SparkComparisons comparisons =
        SparkComparisons.ofText(data, "p", "c", "r", Tokenizers::bytes)) {
      assertThat(comparisons.next(1, new SplittableRandom(1)))
          .containsExactly(
              new Comparison(Prompt.of(BEGIN, 'a', 'b'), Response.of('c', END), Response.of(END)));
    }
  }

  /** A tokenizer whose tokens depend on what is in front: the first of a text is marked. */
  @Test
  void comparisons_ofTextThatIsEncodedOtherwiseInFront_areEncodedAsTheWholeText() {
    Dataset<Row> data = spark.sql("select 'ab' p, 'cd' c, 'e' r");
    try (SparkComparisons comparisons =
        SparkComparisons.ofText(data, "p", "c", "r", MarkingTokenizer::new)) {
      assertThat(comparisons.next(1, new SplittableRandom(1)))
          .containsExactly(
              new Comparison(Prompt.of(1000 + 'a', 'b'), Response.of('c', 'd'), Response.of('e')));
    }
    assertThat(MarkingTokenizer.OPEN).hasValue(0);
  }

  @Test
  void comparisons_rowsThatAreNull_areCountedAndRefused() {
    Dataset<Row> data = spark.sql("select 'ab' p, 'c' c, string(null) r");
    assertThatThrownBy(() -> SparkComparisons.ofText(data, "p", "c", "r", Tokenizers::bytes))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("[p, c, r]: expected at least one token in every row, got 1 rows of 1 without");
  }

  private static final class MarkingTokenizer implements Tokenizer {
    private static final AtomicInteger OPEN = new AtomicInteger();

    MarkingTokenizer() {
      OPEN.incrementAndGet();
    }

    @Override
    public void close() {
      OPEN.decrementAndGet();
    }

    @Override
    public int[] encode(String text) {
      int[] tokens = text.chars().toArray();
      if (tokens.length > 0) {
        tokens[0] += 1000;
      }
      return tokens;
    }

    @Override
    public String decode(int... tokens) {
      throw new UnsupportedOperationException("not needed");
    }

    @Override
    public int vocabularySize() {
      return 2000;
    }

    @Override
    public OptionalInt beginToken() {
      return OptionalInt.empty();
    }

    @Override
    public OptionalInt endToken() {
      return OptionalInt.empty();
    }
  }

  @Test
  void comparisons_keepTheirThreePartsTogether() {
    Dataset<Row> data =
        spark
            .range(40)
            .selectExpr("array(int(id)) p", "array(int(id), 50) c", "array(int(id), 60) r");
    try (SparkComparisons comparisons = SparkComparisons.ofTokens(data, "p", "c", "r")) {
      List<Comparison> drawn = comparisons.next(25, new SplittableRandom(8));
      assertThat(comparisons.count()).isEqualTo(40);
      assertThat(drawn).hasSize(25);
      for (Comparison each : drawn) {
        int id = each.prompt().tokens().get(0);
        assertThat(each.chosen().tokens()).isEqualTo(ImmutableIntArray.of(id, 50));
        assertThat(each.rejected().tokens()).isEqualTo(ImmutableIntArray.of(id, 60));
      }
      assertThat(comparisons.next(25, new SplittableRandom(8))).isEqualTo(drawn);
    }
  }

  /** Drawing from many partitions asks only those that have a row. */
  @Test
  void next_ofOnePrompt_runsOneTask() throws Exception {
    try (SparkPrompts prompts = SparkPrompts.ofTokens(rows(30), "tokens")) {
      int before = tasks();
      prompts.next(1, new SplittableRandom(0));
      assertThat(tasks() - before).isEqualTo(1);
    }
  }

  private static int tasks() throws TimeoutException {
    spark.sparkContext().listenerBus().waitUntilEmpty(60_000); // the tracker is told by it, later
    return IntStream.of(spark.sparkContext().statusTracker().getJobIdsForGroup(null))
        .flatMap(
            job ->
                IntStream.of(spark.sparkContext().statusTracker().getJobInfo(job).get().stageIds()))
        .map(
            stage ->
                spark.sparkContext().statusTracker().getStageInfo(stage).get().numCompletedTasks())
        .sum();
  }
}
