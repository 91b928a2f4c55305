package io.github.p3o.examples.align;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableList;
import com.google.common.primitives.ImmutableLongArray;
import io.github.p3o.LogProbs;
import io.github.p3o.PairwiseBatch;
import io.github.p3o.Rewards;
import io.github.p3o.examples.run.RunFiles;
import io.github.p3o.examples.run.StepLog;
import io.github.p3o.text.TextCodec;
import io.github.p3o.text.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SamplesListenerTest {

  private static final TextCodec CODEC = new TextCodec(Tokenizers.bytes());

  @TempDir private Path directory = Path.of("");

  private Path file() {
    return directory.resolve("rollouts.jsonl");
  }

  /** Three prompts, two responses each. */
  private static PairwiseBatch rollout() {
    return new PairwiseBatch(
        ImmutableLongArray.of(30, 31, 32),
        ImmutableList.of(CODEC.prompt("one"), CODEC.prompt("two"), CODEC.prompt("three")),
        ImmutableList.of(
            CODEC.response("one", " a"),
            CODEC.response("two", " b"),
            CODEC.response("three", " c"),
            CODEC.response("one", " d"),
            CODEC.response("two", " e"),
            CODEC.response("three", " f")),
        LogProbs.ofFlat(2, new double[] {-1, -2, -3, -4, -5, -6}),
        LogProbs.ofFlat(2, new double[] {-1.5, -2, -3, -4, -4.5, -6}),
        Rewards.ofFlat(2, new double[] {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}));
  }

  private StepLog train(int from, int to) {
    StepLog log = new StepLog(file());
    SamplesListener listener = new SamplesListener(log, "p3o-v2", CODEC, 3, 2);
    for (int step = from; step < to; step++) {
      listener.onRollout(step, rollout());
    }
    return log;
  }

  @Test
  void onRollout_everyFewSteps_writesTheFirstPromptsWithAllTheirResponses() throws IOException {
    train(0, 8).close();
    ImmutableList<JsonNode> lines = RunFiles.allLines(file());
    assertThat(lines).hasSize(3 * 2 * 2); // steps 0, 3 and 6
    assertThat(lines.get(7).toString())
        .isEqualTo(
            "{\"stage\":\"p3o-v2\",\"step\":3,\"pair\":31,\"prompt\":\"two\",\"response\":\" e\","
                + "\"ended\":true,\"reward\":0.5,\"kl\":-0.5}");
  }

  /** Killed after step 7 of 12, while it wrote; the last checkpoint is that of 5 steps. */
  @Test
  void keepBefore_aCheckpoint_leavesNeitherGapNorDuplicate() throws IOException {
    train(0, 12).close();
    String whole = Files.readString(file());
    Files.delete(file());
    train(0, 7).close();
    Files.writeString(file(), "{\"stage\":\"p3o-v2\",\"st", StandardOpenOption.APPEND);
    try (StepLog log = new StepLog(file())) {
      log.keepBefore("p3o-v2", 5);
      assertThat(RunFiles.allLines(file())).hasSize(2 * 4);
    }
    train(5, 12).close();
    assertThat(Files.readString(file())).isEqualTo(whole);
  }
}
