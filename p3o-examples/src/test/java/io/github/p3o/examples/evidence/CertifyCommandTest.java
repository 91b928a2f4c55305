package io.github.p3o.examples.evidence;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.p3o.PolicyLoss.RewardView;
import io.github.p3o.eval.TranslationCertificate.Comparison;
import io.github.p3o.examples.Cli;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code p3o certify}, small. */
class CertifyCommandTest {

  @TempDir private Path directory = Path.of("");

  @Test
  void certify_ofBothPolicies_tellsObjectivesApart() throws IOException {
    Path out = directory.resolve("certify");
    Cli cli =
        Cli.run(
            "certify --loss p3o-v1,rloo,vpg,ppo,ppo-sequence --magnitude 1,1e6 --steps 2"
                + " --responses-per-prompt 3 --out %s",
            out);

    cli.succeeds();
    assertThat(cli.out()).contains("identical to the bit", "changed", "the same bits");
    JsonNode rows = new ObjectMapper().readTree(out.resolve("certificate.json").toFile());
    assertThat(rows).hasSize(5 * 2 * 2);
    for (JsonNode row : rows) {
      boolean invariant = List.of("p3o-v1", "rloo").contains(row.path("objective").asText());
      JsonNode comparison = row.path("comparison");
      assertThat(comparison.path("differing").asInt() == 0).as("%s", row).isEqualTo(invariant);
      assertThat(comparison.path("largestDifference").asDouble() > 0.01).isEqualTo(!invariant);
      assertThat(comparison.path("largestParameter").asDouble()).isGreaterThan(0.01);
    }
    assertThat(Files.readAllLines(out.resolve("certificate.csv")))
        .hasSize(1 + 20)
        .contains(
            "objective,policy,magnitude,largest_difference,largest_parameter,differing,"
                + "parameters,verdict");
  }

  @Test
  void certify_byMagnitudesThatAreNoBinaryFractions_breaksNoCorrectObjective() {
    Cli cli =
        Cli.run(
            "certify --policy tabular --loss p3o-v2,rloo,ppg --magnitude 0.3,1.1,3.3,33.3 --steps"
                + " 40 --out %s",
            directory.resolve("fractions"));

    cli.succeeds();
    assertThat(cli.out()).contains("the same bits").doesNotContain("BROKEN");
  }

  private static Certified row(RewardView view, int differing) {
    return new Certified("a", "b", view, new Comparison(1, differing, 1, differing, 5));
  }

  @Test
  void exitCode_ofAnObjectiveThatBreaksItsPromise_isOne() {
    Certified kept = row(RewardView.DIFFERENCES, 0);
    Certified promisedNothing = row(RewardView.VALUES, 5);
    Certified broken = row(RewardView.DIFFERENCES, 1);

    assertThat(CertifyCommand.exitCode(List.of(kept, promisedNothing))).isZero();
    assertThat(CertifyCommand.exitCode(List.of(kept, broken))).isOne();
    assertThat(broken.verdict()).isEqualTo("BROKEN");
    assertThat(kept.verdict()).isEqualTo("identical to the bit");
    assertThat(promisedNothing.verdict()).isEqualTo("changed");
  }

  @Test
  void options_outOfRange_areNamed() {
    Cli.run("certify --magnitude 1e9").failsWith(2, "--magnitude: expected from 0.001 to 1e6");
    Cli.run("certify --magnitude 0").failsWith(2, "--magnitude: expected from 0.001");
    Cli.run("certify --magnitude NaN").failsWith(2, "--magnitude: expected from 0.001");
    Cli.run("certify --steps 0").failsWith(2, "--steps: expected at least 1, got 0");
    Cli.run("certify --responses-per-prompt 1").failsWith(2, "--responses-per-prompt");
    Cli.run("certify --loss p4o").failsWith(2, "p4o", "p3o-v1");
  }
}
