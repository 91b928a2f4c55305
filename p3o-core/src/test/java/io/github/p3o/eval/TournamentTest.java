package io.github.p3o.eval;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.collect.ImmutableList;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.eval.Judge.Question;
import io.github.p3o.eval.Judge.Verdict;
import io.github.p3o.eval.Tournament.Pairing;
import io.github.p3o.eval.Tournament.Standing;
import io.github.p3o.eval.Tournament.Table;
import io.github.p3o.testing.Unmarked;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TournamentTest {

  private static final ImmutableList<Verdict> VERDICTS = ImmutableList.copyOf(Verdict.values());

  /** Prefers the greater number. */
  private static final Judge<Integer, Double> GREATER = Judge.byScore((prompt, answer) -> answer);

  /** Prefers whatever it sees first. */
  private static final Judge<Integer, Double> FIRST =
      questions -> repeat(Verdict.FIRST, questions.size());

  private static ImmutableList<Verdict> repeat(Verdict verdict, int times) {
    return ImmutableList.copyOf(Collections.nCopies(times, verdict));
  }

  private static ImmutableList<Integer> prompts(int count) {
    return IntStream.range(0, count).boxed().collect(ImmutableList.toImmutableList());
  }

  private static Map<String, List<Double>> randomPlayers(int players, int prompts, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Map<String, List<Double>> answers = new HashMap<>();
    for (int i = 0; i < players; i++) {
      double lead = random.nextDouble(-1, 1);
      answers.put(
          "player " + i,
          IntStream.range(0, prompts)
              .mapToObj(g -> (double) Math.round(lead + random.nextDouble(-2, 2)))
              .toList());
    }
    return answers;
  }

  private static Tournament play(
      List<String> order, Map<String, List<Double>> answers, Judge<Integer, Double> judge) {
    int prompts = requireNonNull(answers.get(order.get(0))).size();
    Tournament.Builder<Integer, Double> builder = Tournament.builder(prompts(prompts));
    order.forEach(name -> builder.player(name, requireNonNull(answers.get(name))));
    return builder.judge("judge", judge).judge("greater", GREATER).bootstrap(40, 7).play();
  }

  /** A judge that says what a table of verdicts has for two answers, in this order. */
  private static Judge<Integer, String> says(Map<String, Verdict> verdicts) {
    return questions ->
        questions.stream()
            .map(q -> verdicts.get(q.prompt() + q.first() + q.second()))
            .collect(ImmutableList.toImmutableList());
  }

  /** Counted by hand. */
  @Test
  void play_withAJudge_countsAsByHand() {
    Map<String, Verdict> verdicts =
        Map.of(
            "0ab",
            Verdict.FIRST,
            "0ba",
            Verdict.SECOND, // a, twice
            "1ab",
            Verdict.FIRST,
            "1ba",
            Verdict.FIRST, // whatever comes first
            "2ab",
            Verdict.TIE,
            "2ba",
            Verdict.FIRST, // b by half
            "3ab",
            Verdict.INVALID,
            "3ba",
            Verdict.SECOND, // no game
            "4ab",
            Verdict.SECOND,
            "4ba",
            Verdict.FIRST); // b, twice

    Table table =
        Tournament.<Integer, String>builder(prompts(6))
            .player("A", List.of("a", "a", "a", "a", "a", "same"))
            .player("B", List.of("b", "b", "b", "b", "b", "same"))
            .judge("judge", says(verdicts))
            .play()
            .tables()
            .get(0);

    Pairing pairing = table.pairings().get(0);
    assertThat(List.of(pairing.wins(), pairing.ties(), pairing.losses(), pairing.invalid()))
        .containsExactly(1, 2, 2, 1);
    assertThat(pairing.winRate().value()).isEqualTo((1 + 0.5 + 0.25 + 0 + 0.5) / 5);
    assertThat(table.conduct().asked()).isEqualTo(10);
    assertThat(table.conduct().first()).isEqualTo(5);
    assertThat(table.conduct().second()).isEqualTo(3);
    assertThat(table.conduct().ties()).isEqualTo(1);
    assertThat(table.conduct().invalid()).isEqualTo(1);
    assertThat(table.conduct().consistency()).isEqualTo(2 / 4.0);
    assertThat(table.conduct().positionBias().value()).isEqualTo((5 - 3) / 9.0);
  }

  /**
   * Points a-b 1, 1, ½, ¾, 0, 1; a-c 1, 1, 1, ½, 1, ¼; b-c ½, 0, 1, 1, ¼, 1, and one tie a pair.
   * The strengths are those that scipy's BFGS finds at the least −Σ wins · log σ(θ_i − θ_j).
   */
  @Test
  void ranking_ofThreePlayers_isThatOfScipy() {
    double[][] points = {{1, 1, 0.5, 0.75, 0, 1}, {1, 1, 1, 0.5, 1, 0.25}, {0.5, 0, 1, 1, 0.25, 1}};
    Judge<Integer, String> judge =
        questions ->
            questions.stream()
                .map(
                    q -> {
                      boolean forth = q.first().compareTo(q.second()) < 0;
                      String pair = forth ? q.first() + q.second() : q.second() + q.first();
                      double p = points[List.of("ab", "ac", "bc").indexOf(pair)][q.prompt()];
                      // ¾ and ¼: a tie in one order, a decision in the other
                      double shown =
                          forth
                              ? p >= 0.75 ? 1 : p <= 0.25 ? 0 : 0.5
                              : p == 1 ? 0 : p == 0 ? 1 : 0.5;
                      return shown == 1 ? Verdict.FIRST : shown == 0 ? Verdict.SECOND : Verdict.TIE;
                    })
                .collect(ImmutableList.toImmutableList());

    ImmutableList<Standing> ranking =
        Tournament.<Integer, String>builder(prompts(6))
            .player("c", Collections.nCopies(6, "c"))
            .player("b", Collections.nCopies(6, "b"))
            .player("a", Collections.nCopies(6, "a"))
            .judge("judge", judge)
            .play()
            .tables()
            .get(0)
            .ranking();

    assertThat(ranking).extracting(Standing::player).containsExactly("a", "b", "c");
    assertThat(ranking).extracting(Standing::rank).containsExactly(1, 2, 3);
    assertThat(ranking.stream().mapToDouble(s -> s.strength().value()).toArray())
        .containsExactly(new double[] {0.61688713, -0.10321008, -0.51367705}, within(1e-7));
  }

  /** By numpy: the textbook's κ on the 3 × 3 table of all games seen from both sides. */
  @Test
  void agreement_ofTwoJudges_isCohensKappaFromBothSides() {
    int[] one = {1, 1, 0, 1, -1, 1, 1, 1, 1, 0, 1, -1};
    int[] two = {1, 0, 0, 1, -1, -1, 1, 1, 1, 1, 1, 0};
    Tournament.Agreement agreement =
        Tournament.<Integer, Double>builder(prompts(12))
            .player("x", Collections.nCopies(12, 1.0))
            .player("y", Collections.nCopies(12, 0.0))
            .judge("one", Judge.byScore((g, answer) -> answer * one[g]))
            .judge("two", Judge.byScore((g, answer) -> answer * two[g]))
            .play()
            .agreements()
            .get(0);

    assertThat(agreement.games()).isEqualTo(12);
    assertThat(agreement.raw()).isCloseTo(0.6666666666666666, within(1e-12));
    assertThat(agreement.kappa()).isCloseTo(0.48387096774193544, within(1e-12));
  }

  /** Equal answers on 96 prompts, about which no judge was asked, are no agreement. */
  @Test
  void agreement_ofJudgesThatAgreeByChance_isZeroHoweverManyAnswersAreEqual() {
    int[] one = {1, 1, -1, -1};
    int[] two = {1, -1, 1, -1};
    Tournament.Agreement agreement =
        Tournament.<Integer, Double>builder(prompts(100))
            .player("x", IntStream.range(0, 100).mapToObj(g -> g < 4 ? 1.0 : 0.0).toList())
            .player("y", Collections.nCopies(100, 0.0))
            .judge("one", Judge.byScore((g, s) -> s * one[g % 4]))
            .judge("two", Judge.byScore((g, s) -> s * two[g % 4]))
            .play()
            .agreements()
            .get(0);

    assertThat(agreement).isEqualTo(new Tournament.Agreement("one", "two", 4, 0.5, 0));
  }

  @Test
  void ranking_withAPlayerOfWhomNoGameCounts_hasItLastAndWithoutAStrength() throws Exception {
    Judge<Integer, Double> judge =
        questions ->
            questions.stream()
                .map(q -> q.first() < 0 || q.second() < 0 ? Verdict.INVALID : verdict(q))
                .collect(ImmutableList.toImmutableList());
    Tournament tournament =
        Tournament.<Integer, Double>builder(prompts(60))
            .player("c", Collections.nCopies(60, -1.0))
            .player("b", Collections.nCopies(60, 1.0))
            .player("a", IntStream.range(0, 60).mapToObj(g -> g < 40 ? 2.0 : 0.0).toList())
            .judge("judge", judge)
            .play();
    ImmutableList<Standing> ranking = tournament.tables().get(0).ranking();

    assertThat(ranking).extracting(Standing::player).containsExactly("a", "b", "c");
    assertThat(ranking).extracting(Standing::rank).containsExactly(1, 2, 3);
    assertThat(ranking.get(2).strength())
        .isEqualTo(new Interval(Double.NaN, Double.NaN, Double.NaN));
    // as if c had not been there: 40.5 to 20.5 with the tie
    assertThat(ranking.get(0).strength().value())
        .isCloseTo(Math.log(40.5 / 20.5) / 2, within(1e-9));
    assertThat(ranking.get(0).strength().low()).isLessThan(ranking.get(0).strength().value());
    JsonNode unknown =
        new ObjectMapper().readTree(tournament.json()).at("/tables/0/ranking/2/strength");
    assertThat(unknown.path("value").isNull()).isTrue();
    assertThat(unknown.path("low").isNull()).isTrue();
  }

  private static Verdict verdict(Question<Integer, Double> question) {
    return question.first() > question.second() ? Verdict.FIRST : Verdict.SECOND;
  }

  /** Six prompts, each 21 times: they are six, and not 126. */
  @Test
  void intervals_ofRepeatedPrompts_areOverTheDifferentOnes() {
    Tournament six = fiveOfSix(prompts(6));
    Tournament repeated = fiveOfSix(IntStream.range(0, 126).mapToObj(g -> g % 6).toList());

    assertThat(repeated.prompts()).isEqualTo(126);
    assertThat(repeated.distinctPrompts()).isEqualTo(6);
    Interval winRate = six.tables().get(0).pairings().get(0).winRate();
    Interval same = repeated.tables().get(0).pairings().get(0).winRate();
    assertThat(same.value()).isCloseTo(5.0 / 6, within(1e-12));
    assertThat(same.low()).isCloseTo(winRate.low(), within(1e-12));
    assertThat(same.high()).isCloseTo(winRate.high(), within(1e-12));
    Interval strength = six.tables().get(0).ranking().get(0).strength();
    Interval lead = repeated.tables().get(0).ranking().get(0).strength();
    assertThat(lead.value()).isCloseTo(Math.log(5.5 / 1.5) / 2, within(1e-9));
    assertThat(lead.value()).isCloseTo(strength.value(), within(1e-9));
    assertThat(lead.low()).isCloseTo(strength.low(), within(1e-9));
    assertThat(lead.high()).isCloseTo(strength.high(), within(1e-9));
    assertThat(lead.high()).isGreaterThan(1.5); // of 126 prompts at most 1.1
  }

  private static Tournament fiveOfSix(List<Integer> prompts) {
    return Tournament.<Integer, Double>builder(prompts)
        .player("x", prompts.stream().map(g -> g < 5 ? 1.0 : -1.0).toList())
        .player("y", Collections.nCopies(prompts.size(), 0.0))
        .judge("greater", GREATER)
        .play();
  }

  @Test
  void positionBias_ofAJudgeThatTakesTheFirst_isOneAndNobodyWins() {
    Tournament tournament =
        play(List.of("x", "y"), Map.of("x", List.of(1.0, 2.0), "y", List.of(3.0, 4.0)), FIRST);

    Table table = tournament.tables().get(0);
    assertThat(table.conduct().positionBias().value()).isEqualTo(1);
    // two games are no proof that it does so always
    assertThat(table.conduct().positionBias().low()).isLessThan(0);
    assertThat(table.conduct().positionBias().high()).isCloseTo(1, within(1e-12));
    assertThat(table.conduct().consistency()).isZero();
    assertThat(table.pairings().get(0).ties()).isEqualTo(2);
    assertThat(table.ranking()).extracting(Standing::rank).containsExactly(1, 1);
  }

  /**
   * Ten of ten are no proof of winning always: Wilson's interval of 10 of 10. The strength is at
   * most ½ ln((10 + g) / g), g half the square of a normal number, as often as that is small.
   */
  @Test
  void interval_ofAPlayerThatAlwaysWins_hasAWidth() {
    Table table =
        Tournament.<Integer, Double>builder(prompts(10))
            .player("x", Collections.nCopies(10, 1.0))
            .player("y", Collections.nCopies(10, 0.0))
            .judge("greater", GREATER)
            .play()
            .tables()
            .get(0);
    Interval rate = table.pairings().get(0).winRate();
    Interval strength = table.ranking().get(0).strength();

    assertThat(rate.value()).isEqualTo(1);
    assertThat(rate.low()).isCloseTo(0.722467200137111, within(1e-12));
    assertThat(rate.high()).isCloseTo(1, within(1e-12));
    assertThat(strength.value()).isCloseTo(Math.log(10.5 / 0.5) / 2, within(1e-9));
    double most = 5.02388619 / 2;
    double least = 0.000982069 / 2;
    assertThat(strength.low()).isCloseTo(Math.log((10 + most) / most) / 2, within(0.05));
    assertThat(strength.high()).isCloseTo(Math.log((10 + least) / least) / 2, within(0.5));
  }

  /** Three players of known strengths, of whom the first wins nearly always: 95 % of intervals. */
  @Test
  void intervals_ofStrengthsThatAreKnown_holdThemMostly() {
    double[] strengths = {2.5, 0, -2.5};
    List<String> names = List.of("a", "b", "c");
    int trials = 200;
    int[] held = new int[3];
    for (int trial = 0; trial < trials; trial++) {
      Random random = new Random(trial);
      Tournament.Builder<Integer, Integer> builder =
          Tournament.<Integer, Integer>builder(prompts(30)).bootstrap(200, trial);
      for (int i = 0; i < 3; i++) {
        builder.player(names.get(i), Collections.nCopies(30, i));
      }
      builder.judge("drawn", questions -> drawn(questions, strengths, random));
      for (Standing standing : builder.play().tables().get(0).ranking()) {
        int i = names.indexOf(standing.player());
        Interval interval = standing.strength();
        held[i] += interval.low() <= strengths[i] && strengths[i] <= interval.high() ? 1 : 0;
      }
    }

    // 95 % of 200 is 190 ± 3; by a tie of one weight in all draws 140 of the first
    assertThat(Arrays.stream(held).min().orElseThrow()).isBetween(181, trials);
  }

  /** Both orders of a game come to one answer. */
  private static ImmutableList<Verdict> drawn(
      List<Question<Integer, Integer>> questions, double[] strengths, Random random) {
    ImmutableList.Builder<Verdict> verdicts = ImmutableList.builder();
    for (int i = 0; i < questions.size(); i += 2) {
      Question<Integer, Integer> q = questions.get(i);
      double lead = strengths[q.first()] - strengths[q.second()];
      boolean first = random.nextDouble() < 1 / (1 + Math.exp(-lead));
      verdicts.add(first ? Verdict.FIRST : Verdict.SECOND);
      verdicts.add(first ? Verdict.SECOND : Verdict.FIRST);
    }
    return verdicts.build();
  }

  /** A binomial of n = 400 and p = 0.7: ± 1.96 √(p(1 − p)/n). */
  @Test
  void interval_ofAWinRate_isAsWideAsTheBinomials() {
    List<Double> answers = IntStream.range(0, 400).mapToObj(g -> g < 280 ? 1.0 : -1.0).toList();
    Interval rate =
        Tournament.<Integer, Double>builder(prompts(400))
            .player("x", answers)
            .player("y", Collections.nCopies(400, 0.0))
            .judge("greater", GREATER)
            .bootstrap(4000, 1)
            .play()
            .tables()
            .get(0)
            .pairings()
            .get(0)
            .winRate();

    double half = 1.96 * Math.sqrt(0.7 * 0.3 / 400);
    assertThat(rate.value()).isEqualTo(0.7);
    assertThat(rate.low()).isCloseTo(0.7 - half, within(0.005));
    assertThat(rate.high()).isCloseTo(0.7 + half, within(0.005));
  }

  /** numpy.percentile([16, 1, 2, 4, 8], [2.5, 50, 97.5]). */
  @Test
  void percentile_betweenValues_isThatOfNumpy() {
    double[] values = {16, 1, 2, 4, 8};
    assertThat(Bootstrap.percentile(values, 2.5)).isCloseTo(1.1, within(1e-12));
    assertThat(Bootstrap.percentile(values, 50)).isEqualTo(4);
    assertThat(Bootstrap.percentile(values, 97.5)).isCloseTo(15.2, within(1e-12));
    assertThat(Bootstrap.percentile(new double[0], 50)).isNaN();
  }

  @Property(tries = 30)
  void play_withPlayersInAnotherOrder_givesTheSame(
      @ForAll @IntRange(min = 2, max = 5) int players,
      @ForAll @IntRange(min = 1, max = 12) int prompts,
      @ForAll long seed) {
    Map<String, List<Double>> answers = randomPlayers(players, prompts, seed);
    List<String> order = new ArrayList<>(answers.keySet());
    Tournament one = play(order, answers, GREATER);
    Collections.shuffle(order, new Random(seed));
    Tournament other = play(order, answers, GREATER);

    Map<String, Standing> standings =
        one.tables().get(0).ranking().stream().collect(Collectors.toMap(Standing::player, s -> s));
    for (Standing standing : other.tables().get(0).ranking()) {
      Standing same = requireNonNull(standings.get(standing.player()));
      assertThat(standing.rank()).isEqualTo(same.rank());
      assertThat(standing.strength().value()).isCloseTo(same.strength().value(), within(1e-9));
      assertThat(standing.strength().low()).isCloseTo(same.strength().low(), within(1e-9));
    }
    assertThat(other.agreements()).isEqualTo(one.agreements());
    for (Pairing pairing : other.tables().get(0).pairings()) {
      assertThat(one.tables().get(0).pairings())
          .anySatisfy(
              same ->
                  assertThat(same.player().equals(pairing.player()) ? same : same.swapped())
                      .usingRecursiveComparison()
                      .withComparatorForType((a, b) -> Math.abs(a - b) < 1e-9 ? 0 : 1, Double.class)
                      .isEqualTo(pairing));
    }
  }

  @Property(tries = 30)
  void play_withTheOppositeJudge_swapsWinsAndLosses(
      @ForAll @IntRange(min = 2, max = 4) int players, @ForAll long seed) {
    Map<String, List<Double>> answers = randomPlayers(players, 9, seed);
    List<String> order = List.copyOf(answers.keySet());
    Table greater = play(order, answers, GREATER).tables().get(0);
    Table less = play(order, answers, Judge.byScore((g, answer) -> -answer)).tables().get(0);

    for (int i = 0; i < greater.pairings().size(); i++) {
      Pairing won = greater.pairings().get(i);
      Pairing lost = less.pairings().get(i);
      assertThat(lost.wins()).isEqualTo(won.losses());
      assertThat(lost.losses()).isEqualTo(won.wins());
      assertThat(lost.winRate().value()).isCloseTo(1 - won.winRate().value(), within(1e-12));
      assertThat(lost.winRate().low()).isCloseTo(1 - won.winRate().high(), within(1e-12));
    }
    Map<String, Double> strengths =
        greater.ranking().stream()
            .collect(Collectors.toMap(Standing::player, s -> s.strength().value()));
    assertThat(less.ranking())
        .allSatisfy(
            s ->
                assertThat(s.strength().value())
                    .isCloseTo(-requireNonNull(strengths.get(s.player())), within(1e-9)));
  }

  @Property(tries = 30)
  void play_always_countsEveryGameAndEveryAnswerOnce(
      @ForAll @IntRange(min = 2, max = 4) int players, @ForAll long seed) {
    Map<String, List<Double>> answers = randomPlayers(players, 7, seed);
    Random random = new Random(seed);
    Judge<Integer, Double> arbitrary =
        questions ->
            questions.stream()
                .map(q -> VERDICTS.get(random.nextInt(VERDICTS.size())))
                .collect(ImmutableList.toImmutableList());

    Table table = play(List.copyOf(answers.keySet()), answers, arbitrary).tables().get(0);

    Tournament.Conduct conduct = table.conduct();
    assertThat(conduct.first() + conduct.second() + conduct.ties() + conduct.invalid())
        .isEqualTo(conduct.asked());
    assertThat(table.pairings())
        .hasSize(players * (players - 1) / 2)
        .allSatisfy(p -> assertThat(p.wins() + p.ties() + p.losses() + p.invalid()).isEqualTo(7));
  }

  @Test
  void play_withNothingThatCounts_saysSo() {
    Table table =
        play(
                List.of("x", "y"),
                Map.of("x", List.of(1.0), "y", List.of(2.0)),
                questions -> repeat(Verdict.INVALID, questions.size()))
            .tables()
            .get(0);

    assertThat(table.pairings().get(0).invalid()).isEqualTo(1);
    assertThat(table.pairings().get(0).winRate().value()).isNaN();
    assertThat(table.pairings().get(0).winRate().low()).isNaN();
    assertThat(table.ranking().get(0).strength().value()).isNaN();
    assertThat(table.conduct().positionBias().value()).isNaN();
    assertThat(table.ranking()).extracting(Standing::rank).containsExactly(1, 1);
  }

  @Test
  void byReward_ofAModel_scoresEachResponseOnce() {
    List<Response> scored = new ArrayList<>();
    RewardModel model =
        RewardModel.each(
            (prompt, response) -> {
              scored.add(response);
              return response.tokens().get(0);
            });
    ImmutableList<Prompt> prompts = ImmutableList.of(Prompt.of(0));

    Tournament tournament =
        Tournament.<Prompt, Response>builder(prompts)
            .player("one", List.of(Response.of(1)))
            .player("two", List.of(Response.of(2)))
            .player("three", List.of(Response.of(3)))
            .judge("reward", Judge.byReward(model))
            .play();

    assertThat(scored).containsExactlyInAnyOrder(Response.of(1), Response.of(2), Response.of(3));
    assertThat(tournament.tables().get(0).ranking())
        .extracting(Standing::player)
        .containsExactly("three", "two", "one");
  }

  @Test
  void reading_ofTokens_showsAJudgeTexts() {
    Judge<String, String> longer =
        questions -> Judge.<String, String>byScore((p, answer) -> answer.length()).judge(questions);
    Judge<Prompt, Response> ofTokens =
        longer.reading(
            q ->
                new Question<>(
                    q.prompt().toString(),
                    "x".repeat(q.first().length()),
                    "x".repeat(q.second().length())));

    assertThat(
            ofTokens.judge(
                ImmutableList.of(new Question<>(Prompt.of(1), Response.of(1, 2), Response.of(3)))))
        .containsExactly(Verdict.FIRST);
  }

  @Test
  void jsonAndCsv_ofATournament_haveItAll() throws Exception {
    Map<String, List<Double>> answers =
        Map.of("a,\"b\"", List.of(1.0, 2.0), "y", List.of(1.5, 1.5));
    Tournament tournament = play(List.of("a,\"b\"", "y"), answers, GREATER);

    JsonNode json = new ObjectMapper().readTree(tournament.json());
    assertThat(
            json.path("tables")
                .get(0)
                .path("pairings")
                .get(0)
                .path("winRate")
                .path("value")
                .asDouble())
        .isEqualTo(0.5);
    assertThat(json.path("agreements").get(0).path("raw").asDouble()).isEqualTo(1);
    assertThat(tournament.csv().lines())
        .hasSize(5)
        .startsWith("judge,player,opponent,wins,ties,losses,invalid,win_rate,low,high")
        .anyMatch(line -> line.startsWith("judge,\"a,\"\"b\"\"\",y,1,0,1,0,0.5,"));
    assertThat(tournament).isEqualTo(play(List.of("a,\"b\"", "y"), answers, GREATER));
  }

  @Test
  void builder_givenWhatDoesNotFit_namesIt() {
    Tournament.Builder<Integer, Double> builder = Tournament.builder(prompts(2));
    builder.player("x", List.of(1.0, 2.0));
    assertThatThrownBy(() -> builder.player("x", List.of(1.0, 2.0)))
        .hasMessage("player: expected different names, got x twice");
    assertThatThrownBy(() -> builder.player("y", List.of(1.0)))
        .hasMessage("answers of y: expected one to each of 2 prompts, got 1");
    assertThatThrownBy(() -> builder.judge(" ", GREATER))
        .hasMessage("judge: expected a name, got a blank one");
    assertThatThrownBy(builder::play).hasMessage("players: expected at least 2, got 1");
    builder.player("y", List.of(1.0, Double.NaN));
    assertThatThrownBy(builder::play).hasMessage("judges: expected at least one, got none");
    builder.judge("none", questions -> ImmutableList.of());
    assertThatThrownBy(builder::play).hasMessage("judge none: expected 2 verdicts, got 0");
    assertThatThrownBy(() -> builder.bootstrap(0, 1))
        .hasMessage("resamples: expected at least 1, got 0");
    Tournament.Builder<Integer, Double> scored =
        Tournament.<Integer, Double>builder(prompts(1))
            .player("x", List.of(Double.NaN))
            .player("y", List.of(1.0))
            .judge("greater", GREATER);
    assertThatThrownBy(scored::play).hasMessage("score: expected a finite number, got NaN");
  }

  @Test
  void byReward_nullFromTheRewardModel_isRefusedByItsName() {
    Judge<Prompt, Response> judge =
        Judge.byReward((prompts, responses) -> new Unmarked<double[]>().none());
    assertThatThrownBy(
            () ->
                judge.judge(
                    ImmutableList.of(new Question<>(Prompt.of(0), Response.of(1), Response.of(2)))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("rewardModel: expected rewards, got null");
  }
}
