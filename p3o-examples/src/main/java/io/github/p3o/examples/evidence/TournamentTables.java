package io.github.p3o.examples.evidence;

import com.google.common.collect.ImmutableList;
import io.github.p3o.eval.Interval;
import io.github.p3o.eval.Tournament;
import io.github.p3o.examples.report.TournamentPage;
import io.github.p3o.examples.run.Console;
import io.github.p3o.examples.run.TextTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What {@code p3o tournament} prints. */
final class TournamentTables {

  private TournamentTables() {}

  /** Who won how often by each judge, and how far the judges agree. */
  static void print(Tournament tournament, Console console) {
    tournament.tables().forEach(table -> printTable(tournament, table, console));
    printAgreements(tournament, console);
    console.print(
        "\nMean points of the row's player, a tie half; strengths by Bradley and Terry; in brackets"
            + " 95 %. On "
            + TournamentPage.prompts(tournament.prompts(), tournament.distinctPrompts())
            + ".");
  }

  private static void printTable(Tournament tournament, Tournament.Table table, Console console) {
    TextTable matrix =
        new TextTable(
            ImmutableList.<String>builder()
                .add("by " + table.judge())
                .addAll(tournament.players())
                .add("strength, nats")
                .build()
                .toArray(String[]::new));
    for (Tournament.Standing standing : table.ranking()) {
      List<String> row = new ArrayList<>(List.of(standing.rank() + ". " + standing.player()));
      tournament.players().forEach(other -> row.add(winRate(table, standing.player(), other)));
      row.add(text(standing.strength(), 1, "%.2f [%.2f, %.2f]"));
      matrix.add(row.toArray(String[]::new));
    }
    Tournament.Conduct conduct = table.conduct();
    console.print(
        "\n"
            + matrix
            + String.format(
                Locale.ROOT,
                "asked %d times: first %d, second %d, tie %d, invalid %d; the same in both orders"
                    + " %s; position bias %s",
                conduct.asked(),
                conduct.first(),
                conduct.second(),
                conduct.ties(),
                conduct.invalid(),
                number(conduct.consistency()),
                text(conduct.positionBias(), 1, "%.3f [%.3f, %.3f]")));
  }

  private static String winRate(Tournament.Table table, String player, String other) {
    for (Tournament.Pairing pairing : table.pairings()) {
      Tournament.Pairing seen = pairing.player().equals(player) ? pairing : pairing.swapped();
      if (seen.player().equals(player) && seen.opponent().equals(other)) {
        return text(seen.winRate(), 100, "%.1f [%.1f, %.1f] %%");
      }
    }
    return "";
  }

  /** The brackets begin after a space; they and all of it are left out if not known. */
  private static String text(Interval interval, double unit, String format) {
    if (Double.isNaN(interval.value())) {
      return TournamentPage.NONE;
    }
    String known = Double.isNaN(interval.low()) ? format.substring(0, format.indexOf(' ')) : format;
    return String.format(
        Locale.ROOT, known, unit * interval.value(), unit * interval.low(), unit * interval.high());
  }

  private static String number(double value) {
    return Double.isNaN(value) ? TournamentPage.NONE : String.format(Locale.ROOT, "%.3f", value);
  }

  private static void printAgreements(Tournament tournament, Console console) {
    if (tournament.agreements().isEmpty()) {
      return;
    }
    TextTable table = new TextTable("judges", "games", "agree", "kappa");
    for (Tournament.Agreement agreement : tournament.agreements()) {
      table.add(
          agreement.judge() + ", " + agreement.other(),
          String.valueOf(agreement.games()),
          number(agreement.raw()),
          number(agreement.kappa()));
    }
    console.print("\n" + table);
  }
}
