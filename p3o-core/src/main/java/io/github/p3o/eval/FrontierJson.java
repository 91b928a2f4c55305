package io.github.p3o.eval;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.p3o.eval.KlRewardFrontier.Abscissa;
import io.github.p3o.eval.KlRewardFrontier.Kl;
import java.util.Locale;

/** A {@link KlRewardFrontier} as JSON. */
final class FrontierJson {

  private final ObjectNode root = new ObjectMapper().createObjectNode();

  private FrontierJson() {}

  static String of(KlRewardFrontier frontier, Kl kl, int bandCount) {
    FrontierJson json = new FrontierJson();
    json.root.put("kl", "kl_" + kl.name().toLowerCase(Locale.ROOT));
    json.addPoints(frontier);
    json.addBands(frontier, bandCount);
    json.addFits(frontier);
    json.addComparisons(frontier);
    return json.root.toPrettyString();
  }

  private void addPoints(KlRewardFrontier frontier) {
    ArrayNode points = root.putArray("points");
    for (KlRewardFrontier.Point point : frontier.points()) {
      ObjectNode node = points.addObject();
      node.put("method", point.method()).put("seed", point.seed()).put("step", point.step());
      put(node, "reward", point.reward());
      put(node, "kl_k1", point.k1());
      put(node, "kl_k3", point.k3());
      put(node, "kl_exact", point.exact());
    }
  }

  private void addBands(KlRewardFrontier frontier, int count) {
    ObjectNode bands = root.putObject("bands");
    for (String method : frontier.methods()) {
      ArrayNode points = bands.putArray(method);
      for (KlRewardFrontier.Band band : frontier.band(method, count)) {
        ObjectNode node = points.addObject();
        put(node, "kl", band.kl());
        put(node, "mean", band.mean());
        put(node, "low", band.low());
        put(node, "high", band.high());
      }
    }
  }

  private void addFits(KlRewardFrontier frontier) {
    ArrayNode fits = root.putArray("fits");
    for (String method : frontier.methods()) {
      for (Abscissa abscissa : Abscissa.values()) {
        KlRewardFrontier.Fit fit = frontier.fit(method, abscissa);
        ObjectNode node = fits.addObject();
        node.put("method", method).put("abscissa", abscissa == Abscissa.KL ? "kl" : "sqrt_kl");
        put(node, "intercept", fit.intercept());
        put(node, "slope", fit.slope());
        put(node, "r_squared", fit.rSquared());
      }
    }
  }

  private void addComparisons(KlRewardFrontier frontier) {
    ArrayNode comparisons = root.putArray("comparisons");
    for (KlRewardFrontier.Dominance dominance : frontier.comparisons()) {
      ObjectNode node = comparisons.addObject();
      node.put("first", dominance.first()).put("second", dominance.second());
      put(node, "from_kl", dominance.fromKl());
      put(node, "to_kl", dominance.toKl());
      put(node, "difference", dominance.difference());
      put(node, "low", dominance.low());
      put(node, "high", dominance.high());
      put(node, "p_value", dominance.pValue());
      put(node, "smallest_p_value", dominance.smallestPValue());
      put(node, "adjusted_p_value", dominance.adjustedPValue());
    }
  }

  /** JSON has no NaN. */
  private static void put(ObjectNode node, String name, double value) {
    if (Double.isNaN(value)) {
      node.putNull(name);
    } else {
      node.put(name, value);
    }
  }
}
