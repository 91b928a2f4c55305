package io.github.p3o.examples.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.ImmutableMap;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StepLogTest {

  @Test
  void log_withoutALine_makesNoFile(@TempDir Path directory) {
    Path file = directory.resolve("rollouts.jsonl");
    try (StepLog log = new StepLog(file)) {
      log.flush();
      log.keepBefore("p3o-v2", 3);
      assertThat(file).doesNotExist();
      log.add("p3o-v2", 0, ImmutableMap.of("x", Double.NaN));
      assertThat(RunFiles.allLines(file).get(0).path("x").asText()).isEqualTo("NaN");
    }
  }
}
