package io.github.p3o.examples.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Streams;
import io.github.p3o.eval.Tournament;
import io.github.p3o.examples.report.Report.Shade;
import io.github.p3o.examples.run.RunDirectory;
import io.github.p3o.examples.run.RunFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A tournament.json as a part of a report: a matrix for each judge, rankings, agreement. */
public final class TournamentPage {

  public static final String FILE = "tournament.json";

  /** What is shown of what is not known. */
  public static final String NONE = "none";

  /** In the file: a sentence of what the players are, beside what a {@link Tournament} has. */
  private static final String NOTE = "note";

  private TournamentPage() {}

  /** Writes the file, with what is to be said of it, which may be nothing. */
  public static void write(Tournament tournament, String note, RunDirectory directory) {
    String json = tournament.json();
    try {
      ObjectMapper mapper = new ObjectMapper();
      directory.text(
          FILE,
          note.isEmpty()
              ? json
              : mapper.readValue(json, ObjectNode.class).put(NOTE, note).toPrettyString() + "\n");
    } catch (JsonProcessingException e) {
      throw new AssertionError(e); // a tournament's own
    }
  }

  /** What there is to say of a tournament's players, or nothing. */
  static String note(RunFiles files) {
    return files.json(FILE).path(NOTE).asText();
  }

  /** What intervals are over. */
  public static String prompts(int prompts, int distinct) {
    if (prompts == 1) {
      return "one prompt";
    }
    if (distinct == 1) {
      return "one prompt, answered "
          + prompts
          + " times: intervals are over its answers and say nothing of other prompts";
    }
    return distinct == prompts
        ? prompts + " prompts"
        : prompts + " prompts, " + distinct + " of them different, which intervals are over";
  }

  /** Adds the tournament, if there is one. */
  static void addTo(Report report, RunFiles files) {
    JsonNode tournament = files.json(FILE);
    if (tournament.path("tables").isEmpty()) {
      return;
    }
    report.heading("Tournament");
    int prompts = tournament.path("prompts").asInt();
    report.note(
        "Mean points of the row's player against the column's: 1 for a win, ½ for a tie. Beneath,"
            + " an interval of 95 %. On "
            + prompts(prompts, tournament.path("distinctPrompts").asInt(prompts))
            + ".");
    report.note(note(files));
    ImmutableList<String> players =
        Streams.stream(tournament.path("players"))
            .map(JsonNode::asText)
            .collect(ImmutableList.toImmutableList());
    for (JsonNode table : tournament.path("tables")) {
      report.subheading("By " + table.path("judge").asText());
      report.matrix("", players, matrix(players, table.path("pairings")));
      report.table(
          ImmutableList.of("rank", "player", "strength, nats", "95 %"),
          Streams.stream(table.path("ranking")).map(TournamentPage::standing).toList());
      report.note(conduct(table.path("conduct")));
    }
    if (!tournament.path("agreements").isEmpty()) {
      report.subheading("Agreement of judges");
      report.table(
          ImmutableList.of("judges", "games", "agree", "kappa"),
          Streams.stream(tournament.path("agreements")).map(TournamentPage::agreement).toList());
    }
  }

  private static List<List<Shade>> matrix(ImmutableList<String> players, JsonNode pairings) {
    List<List<Shade>> rows = new ArrayList<>();
    for (String player : players) {
      List<Shade> row = new ArrayList<>();
      for (String opponent : players) {
        row.add(shade(player, opponent, pairings));
      }
      rows.add(row);
    }
    return rows;
  }

  private static Shade shade(String player, String opponent, JsonNode pairings) {
    for (JsonNode pairing : pairings) {
      JsonNode rate = pairing.path("winRate");
      boolean forth = isOf(pairing, player, opponent);
      if (rate.path("value").isNumber() && (forth || isOf(pairing, opponent, player))) {
        double value = rate.path("value").asDouble();
        double low = rate.path("low").asDouble();
        double high = rate.path("high").asDouble();
        return forth ? shade(value, low, high) : shade(1 - value, 1 - high, 1 - low);
      }
    }
    return new Shade(Double.NaN, "", "");
  }

  private static boolean isOf(JsonNode pairing, String player, String opponent) {
    return pairing.path("player").asText().equals(player)
        && pairing.path("opponent").asText().equals(opponent);
  }

  private static Shade shade(double value, double low, double high) {
    return new Shade(
        value,
        String.format(Locale.ROOT, "%.1f %%", 100 * value),
        String.format(Locale.ROOT, "%.1f to %.1f", 100 * low, 100 * high));
  }

  private static ImmutableList<String> standing(JsonNode standing) {
    JsonNode strength = standing.path("strength");
    return ImmutableList.of(
        standing.path("rank").asText(),
        standing.path("player").asText(),
        number(strength.path("value")),
        strength.path("low").isNumber()
            ? number(strength.path("low")) + " to " + number(strength.path("high"))
            : NONE);
  }

  private static String conduct(JsonNode conduct) {
    return String.format(
        Locale.ROOT,
        "Asked %s times, both orders of each pair: the first was preferred %s times, the second %s"
            + " times, neither %s times; %s invalid. The same in both orders: %s of the games."
            + " Position bias %s.",
        conduct.path("asked").asText(),
        conduct.path("first").asText(),
        conduct.path("second").asText(),
        conduct.path("ties").asText(),
        conduct.path("invalid").asText(),
        number(conduct.path("consistency")),
        number(conduct.path("positionBias").path("value")));
  }

  private static ImmutableList<String> agreement(JsonNode agreement) {
    return ImmutableList.of(
        agreement.path("judge").asText() + ", " + agreement.path("other").asText(),
        agreement.path("games").asText(),
        number(agreement.path("raw")),
        number(agreement.path("kappa")));
  }

  /** What is not known is null in JSON, or the text NaN. */
  private static String number(JsonNode node) {
    return node.isNumber() ? String.format(Locale.ROOT, "%.3f", node.asDouble()) : NONE;
  }
}
