package io.github.p3o.examples.evidence;

import io.github.p3o.PolicyLoss.RewardView;
import io.github.p3o.eval.TranslationCertificate.Comparison;
import io.github.p3o.examples.run.TextTable;
import java.util.List;
import java.util.Locale;

/**
 * What a shift of the reward by prompt did to one objective's training of one policy.
 *
 * @param objective its name
 * @param policy what was trained
 * @param view what the objective sees of rewards: differences promise that nothing changes
 * @param comparison of the parameters at the end with those of the run without a shift
 */
record Certified(String objective, String policy, RewardView view, Comparison comparison) {

  /** Whether an objective that sees differences alone was changed all the same. */
  boolean broken() {
    return view == RewardView.DIFFERENCES && !comparison.identical();
  }

  /** In words. */
  String verdict() {
    if (broken()) {
      return "BROKEN";
    }
    return comparison.identical() ? "identical to the bit" : "changed";
  }

  /** All of it as a table. */
  static TextTable table(List<Certified> rows) {
    TextTable table =
        new TextTable("objective", "policy", "|δ|", "largest difference", "differing", "verdict");
    rows.forEach(
        row -> {
          Comparison c = row.comparison();
          table.add(
              row.objective(),
              row.policy(),
              number(c.magnitude()),
              number(c.largestDifference()),
              c.differing() + " of " + c.parameters(),
              row.verdict());
        });
    return table;
  }

  private static String number(double value) {
    return value == 0 ? "0" : String.format(Locale.ROOT, "%.3g", value);
  }

  /** All of it as comma-separated values, numbers in full. */
  static String csv(List<Certified> rows) {
    StringBuilder csv =
        new StringBuilder(
            "objective,policy,magnitude,largest_difference,largest_parameter,differing,parameters,"
                + "verdict\n");
    rows.forEach(
        row -> {
          Comparison c = row.comparison();
          csv.append(
              String.join(
                  ",",
                  row.objective(),
                  row.policy(),
                  Double.toString(c.magnitude()),
                  Double.toString(c.largestDifference()),
                  Double.toString(c.largestParameter()),
                  Integer.toString(c.differing()),
                  Integer.toString(c.parameters()),
                  row.verdict()));
          csv.append('\n');
        });
    return csv.toString();
  }
}
