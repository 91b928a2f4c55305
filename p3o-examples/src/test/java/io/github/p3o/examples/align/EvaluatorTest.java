package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.primitives.ImmutableDoubleArray;
import io.github.p3o.LogProbs;
import io.github.p3o.Prompt;
import io.github.p3o.Response;
import io.github.p3o.RewardModel;
import io.github.p3o.Samples;
import io.github.p3o.TabularPolicy;
import io.github.p3o.eval.FrontierProbe;
import io.github.p3o.examples.language.Gold;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

/** What a policy is judged by, against the formulas of docs/metrics.md. */
class EvaluatorTest {

  private static final TextCodec CODEC = new TextCodec(Tokenizers.bytes());

  /** Two responses to each of two prompts: happy, sad; nothing of either, cut. */
  private static final FrontierProbe.Measurement MEASURED =
      new FrontierProbe.Measurement(
          new Samples(
              ImmutableList.of(CODEC.prompt("one"), CODEC.prompt("two")),
              ImmutableList.of(
                  CODEC.response("one", " happy"),
                  CODEC.response("two", " sad"),
                  CODEC.response("one", " a"),
                  new Response(CODEC.response("two", " bc").tokens().subArray(0, 2), false)),
              LogProbs.ofFlat(2, new double[] {-1, -2, -3, -4})),
          ImmutableDoubleArray.of(0.1, 0.2, 0.4, 0.8),
          ImmutableDoubleArray.of(0.5, 1, -1, 0),
          ImmutableDoubleArray.of(0.1, 0.3, 0.5, 0.1),
          OptionalDouble.empty());

  private static Judged judged() {
    try (TabularPolicy unused = TabularPolicy.uniform(2, 2);
        FrontierProbe probe =
            new FrontierProbe(
                ImmutableList.of(Prompt.of(0)),
                2,
                unused,
                RewardModel.each((prompt, response) -> 0),
                1,
                7)) {
      return new Evaluator(probe, CODEC, Gold.SENTIMENT, (prompt, text) -> !text.contains("sad"))
          .judged(MEASURED);
    }
  }

  @Test
  void metrics_ofAJudgement_areTheirFormulas() throws Exception {
    ImmutableMap<String, Double> metrics = Alignment.metrics(judged());

    // by prompt, the mean of its two responses: 0.5 and −1; 1 and 0
    double kl = (0.5 - 1 + 1 + 0) / 4;
    assertThat(metrics.get("eval/kl")).isCloseTo(kl, within(1e-15));
    assertThat(metrics.get("eval/kl_standard_error"))
        .isCloseTo(Math.abs(-0.25 - 0.5) / 2, within(1e-15)); // of two: half of what is between
    assertThat(metrics.get("eval/kl_k3")).isCloseTo(0.25, within(1e-15));
    assertThat(metrics.get("eval/reward")).isCloseTo(1.5 / 4, within(1e-15));
    assertThat(metrics.get("eval/reward_standard_error")).isCloseTo(0.25 / 2, within(1e-15));
    double gold = Gold.SENTIMENT.score(" happy") + Gold.SENTIMENT.score(" sad");
    assertThat(metrics.get("eval/gold")).isCloseTo(gold / 4, within(1e-15));
    assertThat(metrics.get("eval/mean_length")).isCloseTo((7 + 5 + 3 + 2) / 4.0, within(1e-15));
    assertThat(metrics.get("eval/well_formed")).isEqualTo(0.5); // one is sad, one is cut
    String page = Files.readString(Path.of("../docs/metrics.md"));
    assertThat(metrics.keySet())
        .allMatch(name -> page.contains("`" + name.replaceFirst("_standard_error$", "") + "`"));
  }
}
