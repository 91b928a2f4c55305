package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableIntArray;
import io.github.p3o.eval.GroupedMean.Weighted;
import io.github.p3o.eval.Judge.Question;
import io.github.p3o.eval.Judge.Verdict;
import io.github.p3o.eval.Tournament.Agreement;
import io.github.p3o.eval.Tournament.Conduct;
import io.github.p3o.eval.Tournament.Pairing;
import io.github.p3o.eval.Tournament.Standing;
import io.github.p3o.eval.Tournament.Table;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.function.Predicate;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The games of one judge: every pair of players on every prompt. */
final class Tally {

  private final String judge;
  private final ImmutableList<String> players;

  /** By pair, in the order of {@link #pairs}, and prompt. */
  private final ImmutableList<ImmutableList<Game>> games;

  private Tally(
      String judge, ImmutableList<String> players, ImmutableList<ImmutableList<Game>> games) {
    this.judge = judge;
    this.players = players;
    this.games = games;
  }

  /** Two players, by their places in the list of all, first &lt; second. */
  private record Pair(int first, int second) {}

  private static ImmutableList<Pair> pairs(int players) {
    return IntStream.range(0, players)
        .boxed()
        .flatMap(i -> IntStream.range(i + 1, players).mapToObj(j -> new Pair(i, j)))
        .collect(ImmutableList.toImmutableList());
  }

  /**
   * Asks a judge about all pairs on all prompts, in both orders.
   *
   * @param answers by player and prompt
   */
  static <P, A> Tally of(
      String name,
      Judge<P, A> judge,
      ImmutableList<P> prompts,
      ImmutableList<String> players,
      ImmutableList<ImmutableList<A>> answers) {
    ImmutableList.Builder<Question<P, A>> questions = ImmutableList.builder();
    for (Pair pair : pairs(players.size())) {
      for (int g = 0; g < prompts.size(); g++) {
        A first = answers.get(pair.first()).get(g);
        A second = answers.get(pair.second()).get(g);
        if (!first.equals(second)) {
          questions.add(new Question<>(prompts.get(g), first, second));
          questions.add(new Question<>(prompts.get(g), second, first));
        }
      }
    }
    Iterator<Verdict> verdicts = ask(name, judge, questions.build());
    ImmutableList.Builder<ImmutableList<Game>> games = ImmutableList.builder();
    for (Pair pair : pairs(players.size())) {
      ImmutableList.Builder<Game> ofPair = ImmutableList.builder();
      for (int g = 0; g < prompts.size(); g++) {
        boolean equal = answers.get(pair.first()).get(g).equals(answers.get(pair.second()).get(g));
        ofPair.add(equal ? Game.EQUAL : new Game(verdicts.next(), verdicts.next(), true));
      }
      games.add(ofPair.build());
    }
    return new Tally(name, players, games.build());
  }

  private static <P, A> Iterator<Verdict> ask(
      String name, Judge<P, A> judge, ImmutableList<Question<P, A>> questions) {
    List<Verdict> verdicts = questions.isEmpty() ? List.of() : judge.judge(questions);
    checkArgument(
        verdicts.size() == questions.size(),
        "judge %s: expected %s verdicts, got %s",
        name,
        questions.size(),
        verdicts.size());
    return verdicts.iterator();
  }

  /** What came out, with intervals. */
  Table table(Bootstrap bootstrap) {
    double times = (double) games.get(0).size() / bootstrap.groups().size(); // of each prompt
    Interval[] strengths =
        bootstrap.intervals(
            (prompts, weights) -> strengths(prompts, () -> times * weights.getAsDouble()));
    List<Pair> pairs = pairs(players.size());
    return new Table(
        judge,
        IntStream.range(0, pairs.size())
            .mapToObj(i -> pairing(pairs.get(i), games.get(i), bootstrap.groups()))
            .collect(ImmutableList.toImmutableList()),
        ranking(strengths),
        conduct(positionBias(bootstrap.groups())));
  }

  private Pairing pairing(Pair pair, List<Game> played, ImmutableList<ImmutableIntArray> groups) {
    return new Pairing(
        players.get(pair.first()),
        players.get(pair.second()),
        count(played, game -> game.counts() && game.points() > 0.5),
        count(played, game -> game.counts() && game.points() == 0.5),
        count(played, game -> game.counts() && game.points() < 0.5),
        count(played, game -> !game.counts()),
        winRate(played, groups));
  }

  private static int count(List<Game> games, Predicate<Game> condition) {
    return (int) games.stream().filter(condition).count();
  }

  private ImmutableList<Standing> ranking(Interval[] strengths) {
    return IntStream.range(0, players.size())
        .mapToObj(
            i ->
                new Standing(
                    1 + (int) Arrays.stream(strengths).filter(s -> beats(s, strengths[i])).count(),
                    players.get(i),
                    strengths[i]))
        .sorted(Comparator.comparingInt(Standing::rank))
        .collect(ImmutableList.toImmutableList());
  }

  /** By more than rounding, so that equal players share a rank; who never played is last. */
  private static boolean beats(Interval strength, Interval other) {
    return Double.isNaN(other.value())
        ? !Double.isNaN(strength.value())
        : strength.value() > other.value() + 1e-9;
  }

  private Conduct conduct(Interval positionBias) {
    List<Game> asked = games.stream().flatMap(List::stream).filter(Game::asked).toList();
    List<Game> counted = asked.stream().filter(Game::counts).toList();
    return new Conduct(
        2 * asked.size(),
        asked.stream().mapToInt(game -> game.count(Verdict.FIRST)).sum(),
        asked.stream().mapToInt(game -> game.count(Verdict.SECOND)).sum(),
        asked.stream().mapToInt(game -> game.count(Verdict.TIE)).sum(),
        asked.stream().mapToInt(game -> game.count(Verdict.INVALID)).sum(),
        (double) count(counted, Game::consistent) / counted.size(),
        positionBias);
  }

  /** The first player's mean points. */
  private static Interval winRate(List<Game> played, ImmutableList<ImmutableIntArray> groups) {
    Interval lead =
        GroupedMean.of(
            groups.stream()
                .map(
                    group ->
                        points(played, group.toArray())
                            .mapToObj(points -> new Weighted(2 * points - 1, 1))
                            .collect(ImmutableList.toImmutableList()))
                .toList());
    double value =
        played.stream().filter(Game::counts).mapToDouble(Game::points).average().orElse(Double.NaN);
    return new Interval(value, (1 + lead.low()) / 2, (1 + lead.high()) / 2);
  }

  private static DoubleStream points(List<Game> games, int[] prompts) {
    return Arrays.stream(prompts)
        .mapToObj(games::get)
        .filter(Game::counts)
        .mapToDouble(Game::points);
  }

  /**
   * Bradley–Terry, points as fractions of wins; NaN for whom no game counts. Each two players get
   * one tie more, as without a win on either side strengths are infinite; its weight is drawn with
   * the prompts, or who wins everything would be as strong in every draw.
   *
   * @param ties weights of the ties, each used once
   */
  private double[] strengths(int[] prompts, DoubleSupplier ties) {
    double[][] won = won(prompts);
    int[] playing =
        IntStream.range(0, won.length)
            .filter(i -> IntStream.range(0, won.length).anyMatch(j -> won[i][j] + won[j][i] > 0))
            .boxed()
            .sorted(Comparator.comparing(players::get)) // weights do not depend on the order given
            .mapToInt(i -> i)
            .toArray();
    double[][] wins = new double[playing.length][playing.length];
    for (int i = 0; i < playing.length; i++) {
      for (int j = 0; j < i; j++) {
        double half = ties.getAsDouble() / 2;
        wins[i][j] = half + won[playing[i]][playing[j]];
        wins[j][i] = half + won[playing[j]][playing[i]];
      }
    }
    double[] among = BradleyTerry.strengths(wins);
    double[] strengths = new double[won.length];
    Arrays.fill(strengths, Double.NaN);
    for (int i = 0; i < playing.length; i++) {
      strengths[playing[i]] = among[i];
    }
    return strengths;
  }

  /** Points that the row's player has from the column's {@code [players][players]}. */
  private double[][] won(int[] prompts) {
    double[][] won = new double[players.size()][players.size()];
    List<Pair> pairs = pairs(players.size());
    for (int i = 0; i < pairs.size(); i++) {
      Pair pair = pairs.get(i);
      double[] points = points(games.get(i), prompts).toArray();
      won[pair.first()][pair.second()] = Arrays.stream(points).sum();
      won[pair.second()][pair.first()] = points.length - won[pair.first()][pair.second()];
    }
    return won;
  }

  /**
   * (Answers for what was shown first − those for the second) / valid ones. The two answers of a
   * game are one value, as those of a judge of no bias cancel.
   */
  private Interval positionBias(ImmutableList<ImmutableIntArray> groups) {
    return GroupedMean.of(
        groups.stream()
            .map(
                group ->
                    games.stream()
                        .flatMap(ofPair -> group.stream().mapToObj(ofPair::get))
                        .filter(game -> game.asked() && game.valid() > 0)
                        .map(game -> new Weighted(game.leaning() / game.valid(), game.valid()))
                        .collect(ImmutableList.toImmutableList()))
            .toList());
  }

  /** How far two judges of the same games agree. */
  Agreement agreement(Tally other) {
    List<double[]> both =
        IntStream.range(0, games.size())
            .boxed()
            .flatMap(pair -> common(games.get(pair), other.games.get(pair)))
            .toList();
    double n = both.size();
    double same = both.stream().filter(signs -> signs[0] == signs[1]).count() / n;
    double ties = both.stream().filter(signs -> signs[0] == 0).count() / n;
    double othersTies = both.stream().filter(signs -> signs[1] == 0).count() / n;
    double byChance = ties * othersTies + (1 - ties) * (1 - othersTies) / 2;
    return new Agreement(judge, other.judge, both.size(), same, (same - byChance) / (1 - byChance));
  }

  /** 1, 0 or −1 for a win, tie or loss, by each judge, where both were asked and have a result. */
  private static Stream<double[]> common(List<Game> games, List<Game> others) {
    return IntStream.range(0, games.size())
        .filter(g -> games.get(g).asked()) // the same of both: by the answers
        .filter(g -> games.get(g).counts() && others.get(g).counts())
        .mapToObj(
            g ->
                new double[] {
                  Math.signum(games.get(g).points() - 0.5),
                  Math.signum(others.get(g).points() - 0.5)
                });
  }
}
