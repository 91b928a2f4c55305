package io.github.p3o.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.p3o.BatchShape;
import io.github.p3o.PolicyGraph;
import io.github.p3o.internal.Ops;
import io.github.p3o.internal.Program;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.buffer.DataType;

class DecoderGraphTest {

  private static final Pattern NUMBER = Pattern.compile("_(\\d+)$");

  /** SameDiff tries 0, 1, 2, … and compares each with all variables. */
  @Test
  void theNumbersTriedForTheNamesOfOpsDoNotGrowWithTheDepth() {
    assertThat(greatestNumber(12, false)).isEqualTo(greatestNumber(1, false)).isPositive();
  }

  @Test
  void thoseOfItsGradientDoNotGrowEither() {
    assertThat(greatestNumber(6, true)).isEqualTo(greatestNumber(1, true)).isPositive();
  }

  private static int greatestNumber(int layers, boolean gradient) {
    DecoderConfig config =
        DecoderConfig.llama(
            11, 8, 10, layers, 4, 2, 30, 1e-5, 10_000, true, OptionalInt.of(1), OptionalInt.of(2));
    try (TransformerPolicy policy = TransformerPolicy.random(config, DataType.FLOAT, 1)) {
      PolicyGraph built = policy.build(new BatchShape(2, 8, 4));
      if (gradient) {
        String loss = Ops.sum(built.logProbs()).name();
        Set<String> parameters = policy.parameters().names();
        Program.withGradient(built.graph(), loss, parameters, List.of()).close();
      }
      return built.graph().getOps().keySet().stream()
          .flatMap(name -> NUMBER.matcher(name).results())
          .map(MatchResult::group)
          .mapToInt(number -> Integer.parseInt(number.substring(1)))
          .max()
          .orElse(0);
    }
  }
}
