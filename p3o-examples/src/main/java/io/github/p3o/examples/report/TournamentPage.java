package io.github.p3o.examples.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.Streams;
import io.github.p3o.examples.report.Report.Shade;
import io.github.p3o.examples.run.RunFiles;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A tournament.json as a part of a report: a matrix for each judge, rankings, agreement. */
public final class TournamentPage {

  public static final String FILE = "tournament.json";

  private TournamentPage() {}

  /** Adds the tournament, if there is one. */
  static void addTo(Report report, RunFiles files) {
    JsonNode tournament = files.json(FILE);
    if (tournament.path("tables").isEmpty()) {
      return;
    }
    report.heading("Tournament");
    report.note(
        "Mean points of the row's player against the column's, on "
            + tournament.path("prompts").asText()
            + " prompts: 1 for a win, ½ for a tie. Beneath, a bootstrap interval of 95 %.");
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
        number(strength.path("low")) + " to " + number(strength.path("high")));
  }

  private static String conduct(JsonNode conduct) {
    return String.format(
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

  /** What is not finite is a text in JSON. */
  private static String number(JsonNode node) {
    return node.isNumber() ? String.format(Locale.ROOT, "%.3f", node.asDouble()) : "none";
  }
}
