package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FormatsTest {

  private static final String COMPARISON =
      """
      {"info": {"id": "t3_1", "post": "P", "title": "T", "subreddit": "S"},
       "summaries": [{"text": " one", "policy": "sup"}, {"text": "two"}],
       "choice": %s, "worker": "w", "split": "train"}\
      """;

  private static final String SHORT_TLDR = "SUBREDDIT: r/S\n\nTITLE: T\n\nPOST: P\n\nTL;DR:";

  @TempDir Path directory;

  private static Preference comparison(String json) throws Exception {
    return PreferenceFormat.TLDR_COMPARISONS.parse(StrictJson.object(json), ChatTemplate.HH);
  }

  @Test
  void parse_ofATldrComparison_putsTheChosenFirst() throws Exception {
    assertThat(comparison(COMPARISON.formatted("0")))
        .isEqualTo(new Preference(SHORT_TLDR, " one", " two"));
    assertThat(comparison(COMPARISON.formatted("1")))
        .isEqualTo(new Preference(SHORT_TLDR, " two", " one"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{} | summaries: expected a list of two",
        "{\"summaries\": [{\"text\": \"a\"}], \"choice\": 0} | summaries: expected a list of two",
        "{\"summaries\": [{}, {}], \"choice\": 2} | choice: expected a number, 0 or 1",
        "{\"summaries\": [{}, {}], \"choice\": \"0\"} | choice: expected a number, 0 or 1",
        "{\"summaries\": [{}, {}], \"choice\": 0} | info.subreddit: expected a text, got none among"
            + " []"
      })
  void parse_ofABrokenComparison_namesTheField(String json, String message) {
    assertThatThrownBy(() -> comparison(json))
        .isInstanceOf(MalformedLineException.class)
        .hasMessage(message);
  }

  @Test
  void parse_ofATldrPost_isAPromptAndItsSummary() throws Exception {
    String post = "{\"subreddit\": \"S\", \"title\": \"T\", \"post\": \"P\", \"summary\": \"sum\"}";

    assertThat(CompletionFormat.TLDR.parse(StrictJson.object(post), ChatTemplate.HH))
        .isEqualTo(new Completion(SHORT_TLDR, " sum"));
    assertThat(PromptFormat.TLDR.parse(StrictJson.object(post), ChatTemplate.HH))
        .isEqualTo(SHORT_TLDR);
  }

  @Test
  void parse_ofMessagesInChatMl_isTheTextThatModelsWereTrainedOn() throws Exception {
    String line =
        """
        {"prompt": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
         "chosen": [{"role": "assistant", "content": "A"}, {"role": "user", "content": "B"},
                    {"role": "assistant", "content": "C"}],
         "rejected": [{"role": "assistant", "content": "D"}]}\
        """;
    String prompt =
        """
        <|im_start|>system
        Be kind.<|im_end|>
        <|im_start|>user
        Hi<|im_end|>
        <|im_start|>assistant
        """;

    assertThat(PreferenceFormat.MESSAGES.parse(StrictJson.object(line), ChatTemplate.CHATML))
        .isEqualTo(
            new Preference(
                prompt,
                "A<|im_end|>\n<|im_start|>user\nB<|im_end|>\n<|im_start|>assistant\nC",
                "D"));
    assertThat(PromptFormat.MESSAGES.parse(StrictJson.object(line), ChatTemplate.CHATML))
        .isEqualTo(prompt);
  }

  @Test
  void parse_ofMessagesThatPartEarly_keepsLaterTurnsInTheResponses() throws Exception {
    String line =
        """
        {"prompt": [{"role": "user", "content": "Hi"}],
         "chosen": [{"role": "assistant", "content": "A"}, {"role": "user", "content": "B"},
                    {"role": "assistant", "content": "C"}],
         "rejected": [{"role": "assistant", "content": "D"}, {"role": "user", "content": "B"},
                    {"role": "assistant", "content": "C"}]}\
        """;

    assertThat(PreferenceFormat.MESSAGES.parse(StrictJson.object(line), ChatTemplate.HH))
        .isEqualTo(
            new Preference(
                "\n\nHuman: Hi\n\nAssistant:",
                " A\n\nHuman: B\n\nAssistant: C",
                " D\n\nHuman: B\n\nAssistant: C"));
  }

  @Test
  void parse_ofMessagesToImitate_imitatesTheLastAnswer() throws Exception {
    String all =
        """
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A"},
                      {"role": "user", "content": "B"}, {"role": "assistant", "content": "C"}]}\
        """;
    String split =
        """
        {"prompt": [{"role": "user", "content": "Hi"}],
         "completion": [{"role": "assistant", "content": "A"}]}\
        """;

    assertThat(CompletionFormat.MESSAGES.parse(StrictJson.object(all), ChatTemplate.ZEPHYR))
        .isEqualTo(
            new Completion(
                "<|user|>\nHi</s>\n<|assistant|>\nA</s>\n<|user|>\nB</s>\n<|assistant|>\n", "C"));
    assertThat(CompletionFormat.MESSAGES.parse(StrictJson.object(split), ChatTemplate.HH))
        .isEqualTo(new Completion("\n\nHuman: Hi\n\nAssistant:", " A"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"messages\": \"text\"}",
        "{\"messages\": []}",
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}",
        "{\"messages\": [{\"role\": \"tool\", \"content\": \"a\"},"
            + " {\"role\": \"assistant\", \"content\": \"a\"}]}",
        "{\"prompt\": [], \"completion\": \"a\"}"
      })
  void parse_ofBrokenMessages_throws(String line) {
    assertThatThrownBy(
            () -> CompletionFormat.MESSAGES.parse(StrictJson.object(line), ChatTemplate.HH))
        .isInstanceOf(MalformedLineException.class)
        .hasMessageContaining(": expected ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"prompt\": \"a\"}",
        "{\"prompt\": []}",
        "{\"prompt\": [{\"role\": \"system\", \"content\": \"a\"}]}"
      })
  void parse_ofABrokenConversationalPrompt_throws(String line) {
    assertThatThrownBy(() -> PromptFormat.MESSAGES.parse(StrictJson.object(line), ChatTemplate.HH))
        .isInstanceOf(MalformedLineException.class)
        .hasMessageStartingWith("prompt: ");
  }

  @Test
  void template_withoutAnAssistant_isRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> ChatTemplate.ofTurns(ImmutableMap.of("user", new ChatTemplate.Turn("u", "", ""))))
        .withMessage("turns: expected one of assistant, got [user]");
  }

  @Test
  void comparisons_fromAGzipFile_areStreamed() throws IOException {
    Path file = directory.resolve("comparisons.jsonl.gz");
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      for (int i = 0; i < 5; i++) {
        String line = COMPARISON.formatted(i % 2).replace("\n", " ") + "\n";
        out.write(line.getBytes(StandardCharsets.UTF_8));
      }
      out.write("{\"info\": {\"article\": \"no post\"}}\n".getBytes(StandardCharsets.UTF_8));
    }
    try (DataSetReader<Preference> reader =
        DataSets.preferences(file, PreferenceFormat.TLDR_COMPARISONS, MalformedLines.SKIP)) {
      assertThat(ImmutableList.copyOf(reader))
          .extracting(Preference::chosen)
          .containsExactly(" one", " two", " one", " two", " one");
      assertThat(reader.skippedLines()).isEqualTo(1);
    }
  }

  @Property(tries = 100)
  void shuffled_withAnyBuffer_givesEachOnceAndNoneTooEarly(
      @ForAll @IntRange(min = 1, max = 50) int buffer,
      @ForAll @IntRange(max = 100) int count,
      @ForAll long seed) {
    List<Integer> source = IntStream.range(0, count).boxed().toList();
    List<Integer> shuffled = new ArrayList<>();
    DataSets.shuffled(source.iterator(), buffer, seed).forEachRemaining(shuffled::add);

    assertThat(shuffled).containsExactlyInAnyOrderElementsOf(source);
    for (int i = 0; i < count; i++) {
      assertThat(shuffled.get(i)).isLessThan(i + buffer);
    }
    List<Integer> again = new ArrayList<>();
    DataSets.shuffled(source.iterator(), buffer, seed).forEachRemaining(again::add);
    assertThat(again).isEqualTo(shuffled);
  }

  @Test
  void shuffled_whileReading_holdsNoMoreThanItsBuffer() {
    int[] read = {0};
    Iterator<Integer> source = IntStream.range(0, 1000).peek(i -> read[0]++).iterator();
    Iterator<Integer> shuffled = DataSets.shuffled(source, 16, 1);
    for (int given = 1; given <= 100; given++) {
      shuffled.next();
      assertThat(read[0]).isLessThanOrEqualTo(given + 16); // the stream itself looks one ahead
    }
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DataSets.shuffled(source, 0, 1))
        .withMessage("bufferSize: expected at least 1, got 0");
  }

  @Test
  void shuffled_withALargeBuffer_isUniform() {
    int[] firsts = new int[5];
    for (int seed = 0; seed < 5000; seed++) {
      firsts[DataSets.shuffled(List.of(0, 1, 2, 3, 4).iterator(), 5, seed).next()]++;
    }
    // 1,000 each, five standard deviations of 28
    for (int count : firsts) {
      assertThat(count).isBetween(1000 - 142, 1000 + 142);
    }
  }

  @Test
  void isHeldOut_ofAPrompt_isWhereSplitPutsIt() {
    List<Preference> all =
        IntStream.range(0, 200).mapToObj(i -> new Preference("p" + i % 90, "a", "b")).toList();
    DataSets.Split split = DataSets.split(all, 0.3, 5);
    assertThat(split.heldOut()).allMatch(p -> DataSets.isHeldOut(p.prompt(), 0.3, 5)).isNotEmpty();
    assertThat(split.training()).noneMatch(p -> DataSets.isHeldOut(p.prompt(), 0.3, 5));
  }

  @Test
  void tokenStatistics_ofSomeLengths_countsWhatIsCut() {
    TokenStatistics statistics = new TokenStatistics(16);
    assertThat(statistics).hasToString("0 sequences, 0 tokens, mean 0.0, longest 0, 0 cut to 16");
    assertThat(statistics.add(4)).isEqualTo(4);
    assertThat(statistics.add(16)).isEqualTo(16);
    assertThat(statistics.add(20)).isEqualTo(16);
    assertThat(statistics)
        .hasToString("3 sequences, 40 tokens, mean 13.3, longest 20, 1 cut to 16");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new TokenStatistics(0))
        .withMessage("limit: expected at least 1, got 0");
  }
}
