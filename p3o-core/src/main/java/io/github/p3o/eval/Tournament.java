package io.github.p3o.eval;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.text.StringEscapeUtils;

/**
 * Which of several players answers the same prompts best: each against each other on every prompt,
 * by one or more judges. A player is whoever has given an answer to each prompt: a policy, another
 * program, a person.
 *
 * <p>Every judge is asked in both orders. A game counts if both of its answers are valid, and gives
 * a player the mean of the two: 1 for a win, ½ for a tie, 0 for a loss; more than ½ is a win. Equal
 * answers are a tie, and no judge is asked. The ranking is by Bradley and Terry's model, points as
 * fractions of wins, with one tie between each two players added, so that it is finite for those
 * who always win. Intervals are over prompts, equal ones as one prompt that was asked several
 * times: of strengths by the bootstrap, of win rates and position bias by Wilson's score interval
 * for values in groups, which has a width also where one side won everything. If all prompts are
 * equal, they are over the times that it was asked, and say nothing of other prompts. Same answers,
 * verdicts and seed, same result to the bit.
 *
 * @param players their names, in the order given
 * @param prompts how many there are
 * @param distinctPrompts how many different ones, which intervals are over
 * @param tables what came out, by judge
 * @param agreements of each two judges
 */
public record Tournament(
    ImmutableList<String> players,
    int prompts,
    int distinctPrompts,
    ImmutableList<Table> tables,
    ImmutableList<Agreement> agreements) {

  private static final ObjectMapper JSON =
      new ObjectMapper()
          .registerModule(new SimpleModule().addSerializer(Double.TYPE, new NullForNaN()));

  /** As JSON has no NaN. */
  private static final class NullForNaN extends JsonSerializer<Double> {
    @Override
    public void serialize(Double value, JsonGenerator json, SerializerProvider provider)
        throws IOException {
      if (value.isNaN()) {
        json.writeNull();
      } else {
        json.writeNumber(value);
      }
    }
  }

  /**
   * By one judge.
   *
   * @param judge its name
   * @param pairings each two players, in the order of the players
   * @param ranking the strongest first
   * @param conduct how the judge answered
   */
  public record Table(
      String judge,
      ImmutableList<Pairing> pairings,
      ImmutableList<Standing> ranking,
      Conduct conduct) {}

  /**
   * One player against another: a game on each prompt.
   *
   * @param player its name
   * @param opponent the other's name
   * @param wins games that the player won
   * @param ties games that nobody won
   * @param losses games that the opponent won
   * @param invalid games that do not count
   * @param winRate mean points of the player, 0 to 1, NaN if no game counts
   */
  public record Pairing(
      String player,
      String opponent,
      int wins,
      int ties,
      int losses,
      int invalid,
      Interval winRate) {

    /**
     * The same games seen from the other side.
     *
     * @return the opponent against the player
     */
    public Pairing swapped() {
      return new Pairing(
          opponent,
          player,
          losses,
          ties,
          wins,
          invalid,
          new Interval(1 - winRate.value(), 1 - winRate.high(), 1 - winRate.low()));
    }
  }

  /**
   * The place of a player.
   *
   * @param rank 1 for the strongest; equal players share one, and those without a strength the last
   * @param player its name
   * @param strength θ in nats, of mean 0 over those who have one: i beats j with probability σ(θ_i
   *     − θ_j); NaN for a player of whom no game counts
   */
  public record Standing(int rank, String player, Interval strength) {}

  /**
   * How a judge answered.
   *
   * @param asked questions: two for each game of different answers
   * @param first answers that prefer what was shown first
   * @param second answers that prefer what was shown second
   * @param ties answers that prefer neither
   * @param invalid answers that are none of these
   * @param consistency the share of games with two valid answers in which both say the same, NaN if
   *     there is no such game
   * @param positionBias (first − second) / (asked − invalid): 0 for a judge that does not care
   *     about the order, 1 for one that always prefers the first
   */
  public record Conduct(
      int asked,
      int first,
      int second,
      int ties,
      int invalid,
      double consistency,
      Interval positionBias) {}

  /**
   * How far two judges agree, on the games that both were asked about and that count for both:
   * equal answers, which are a tie without a judge, are none of them. Each game is seen from both
   * sides, so that it does not matter in which order the players are listed.
   *
   * @param judge the one
   * @param other the other
   * @param games that both were asked about and that count for both
   * @param raw the share with the same result: win, tie or loss; NaN of no game
   * @param kappa Cohen's κ: (raw − chance) / (1 − chance), where chance is the agreement of judges
   *     that have as many ties as these and otherwise toss coins; NaN if both have only ties, or of
   *     no game
   */
  public record Agreement(String judge, String other, int games, double raw, double kappa) {}

  /**
   * Begins with the prompts.
   *
   * @param prompts at least one; equal ones are one prompt that is asked several times
   * @param <P> a prompt
   * @param <A> an answer
   * @return a tournament without players
   * @throws IllegalArgumentException for no prompt
   */
  public static <P, A> Builder<P, A> builder(List<P> prompts) {
    return new Builder<>(prompts);
  }

  /**
   * The result as indented JSON, its names those of the components of these records; what is NaN as
   * null.
   *
   * @return a JSON object and a line end
   */
  public String json() {
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this) + "\n";
    } catch (JsonProcessingException e) {
      throw new AssertionError(e); // names and numbers alone
    }
  }

  /**
   * All pairings from both sides as CSV (RFC 4180), the names of the columns first.
   *
   * @return lines
   */
  public String csv() {
    StringBuilder csv =
        new StringBuilder("judge,player,opponent,wins,ties,losses,invalid,win_rate,low,high\n");
    for (Table table : tables) {
      table.pairings().stream()
          .flatMap(pairing -> Stream.of(pairing, pairing.swapped()))
          .forEach(pairing -> csv.append(csvLine(table.judge(), pairing)));
    }
    return csv.toString();
  }

  private static String csvLine(String judge, Pairing pairing) {
    Interval rate = pairing.winRate();
    return String.join(
            ",",
            StringEscapeUtils.escapeCsv(judge),
            StringEscapeUtils.escapeCsv(pairing.player()),
            StringEscapeUtils.escapeCsv(pairing.opponent()),
            String.valueOf(pairing.wins()),
            String.valueOf(pairing.ties()),
            String.valueOf(pairing.losses()),
            String.valueOf(pairing.invalid()),
            String.valueOf(rate.value()),
            String.valueOf(rate.low()),
            String.valueOf(rate.high()))
        + "\n";
  }

  /**
   * Collects players and judges.
   *
   * @param <P> a prompt
   * @param <A> an answer
   */
  public static final class Builder<P, A> {

    private final ImmutableList<P> prompts;
    private final Map<String, ImmutableList<A>> players = new LinkedHashMap<>();
    private final Map<String, Judge<P, A>> judges = new LinkedHashMap<>();
    private int resamples = 1000;
    private long seed;

    private Builder(List<P> prompts) {
      this.prompts = ImmutableList.copyOf(prompts);
      checkArgument(!prompts.isEmpty(), "prompts: expected at least one, got none");
    }

    /**
     * Adds a player.
     *
     * @param name of the player, not blank, no other's
     * @param answers one to each prompt {@code [prompts]}
     * @return this
     * @throws IllegalArgumentException for another number of answers, or the name
     */
    public Builder<P, A> player(String name, List<? extends A> answers) {
      checkName("player", name, players);
      checkArgument(
          answers.size() == prompts.size(),
          "answers of %s: expected one to each of %s prompts, got %s",
          name,
          prompts.size(),
          answers.size());
      players.put(name, ImmutableList.copyOf(answers));
      return this;
    }

    /**
     * Adds a judge.
     *
     * @param name of the judge, not blank, no other's
     * @param judge is asked about each two players on every prompt, in one call
     * @return this
     * @throws IllegalArgumentException for the name
     */
    public Builder<P, A> judge(String name, Judge<P, A> judge) {
      checkName("judge", name, judges);
      judges.put(name, judge);
      return this;
    }

    private static void checkName(String kind, String name, Map<String, ?> others) {
      checkArgument(!name.isBlank(), "%s: expected a name, got a blank one", kind);
      checkArgument(
          !others.containsKey(name), "%s: expected different names, got %s twice", kind, name);
    }

    /**
     * Sets how intervals of strengths are computed; without this, with 1000 draws and seed 0.
     *
     * @param resamples how often prompts are drawn again, at least 1
     * @param seed of the draws
     * @return this
     * @throws IllegalArgumentException for no draw
     */
    public Builder<P, A> bootstrap(int resamples, long seed) {
      checkArgument(resamples >= 1, "resamples: expected at least 1, got %s", resamples);
      this.resamples = resamples;
      this.seed = seed;
      return this;
    }

    /**
     * Asks every judge about every game.
     *
     * @return what came out
     * @throws IllegalArgumentException for fewer than two players, no judge, or a judge that
     *     returns another number of verdicts than it was asked for
     */
    public Tournament play() {
      checkArgument(players.size() >= 2, "players: expected at least 2, got %s", players.size());
      checkArgument(!judges.isEmpty(), "judges: expected at least one, got none");
      ImmutableList<String> names = ImmutableList.copyOf(players.keySet());
      ImmutableList<ImmutableList<A>> answers = ImmutableList.copyOf(players.values());
      ImmutableList<Tally> tallies =
          judges.entrySet().stream()
              .map(judge -> Tally.of(judge.getKey(), judge.getValue(), prompts, names, answers))
              .collect(ImmutableList.toImmutableList());
      Bootstrap bootstrap = new Bootstrap(prompts, resamples, seed);
      ImmutableList.Builder<Agreement> agreements = ImmutableList.builder();
      for (int i = 0; i < tallies.size(); i++) {
        for (Tally other : tallies.subList(i + 1, tallies.size())) {
          agreements.add(tallies.get(i).agreement(other));
        }
      }
      return new Tournament(
          names,
          prompts.size(),
          ImmutableSet.copyOf(prompts).size(),
          tallies.stream()
              .map(tally -> tally.table(bootstrap))
              .collect(ImmutableList.toImmutableList()),
          agreements.build());
    }
  }
}
