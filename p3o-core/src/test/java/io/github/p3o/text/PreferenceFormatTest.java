package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import io.github.p3o.internal.SharedData;
import io.github.p3o.internal.StrictJson;
import java.nio.file.Path;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PreferenceFormatTest {

  private static final String QUESTION = "\n\nHuman: Hi\n\nAssistant:";

  @Test
  void parse_ofExplicitPrompt_takesTheTextsAsTheyAre() throws Exception {
    Preference preference =
        PreferenceFormat.PROMPT_CHOSEN_REJECTED.parse(
            StrictJson.object(
                "{\"prompt\": \" p \", \"chosen\": \"c\\n\", \"rejected\": \"\", \"x\": 0}"),
            ChatTemplate.HH);

    assertThat(preference).isEqualTo(new Preference(" p ", "c\n", ""));
  }

  @Test
  void split_ofDialogues_putsSharedTurnsIntoThePrompt() throws Exception {
    String turns = QUESTION + " Hello\n\nHuman: What?\n\nAssistant:";

    assertThat(Dialogues.split(turns + " I see.", turns + " I do not."))
        .isEqualTo(new Preference(turns, " I see.", " I do not."));
  }

  @Test
  void split_ofDialoguesThatPartEarly_keepsLaterTurnsInTheResponses() throws Exception {
    Preference preference =
        Dialogues.split(
            QUESTION + " A\n\nHuman: 1\n\nAssistant: B",
            QUESTION + " C\n\nHuman: 1\n\nAssistant: B");

    assertThat(preference.prompt()).isEqualTo(QUESTION);
    assertThat(preference.chosen()).isEqualTo(" A\n\nHuman: 1\n\nAssistant: B");
  }

  @Test
  void split_whereOneResponseIsEmptyOrBeginsTheOther_findsThePrompt() throws Exception {
    assertThat(Dialogues.split(QUESTION, QUESTION + " Hello"))
        .isEqualTo(new Preference(QUESTION, "", " Hello"));
    assertThat(Dialogues.split(QUESTION + " Hello", QUESTION + " Hello"))
        .isEqualTo(new Preference(QUESTION, " Hello", " Hello"));
  }

  @Test
  void split_whereOneDialogueGoesOn_takesNoTurnThatTheOtherLacks() throws Exception {
    assertThat(Dialogues.split(QUESTION + " A\n\nAssistant: B", QUESTION + " A"))
        .isEqualTo(new Preference(QUESTION, " A\n\nAssistant: B", " A"));
  }

  @Test
  void split_withoutASharedTurn_throws() {
    assertThatThrownBy(() -> Dialogues.split("\n\nHuman: a\n\nAssistant: b", "\n\nHuman: c"))
        .isInstanceOf(MalformedLineException.class)
        .hasMessageContaining("expected both to begin with the same turns");
    assertThatThrownBy(() -> Dialogues.split("\n\nAssistant", "\n\nAssistant"))
        .isInstanceOf(MalformedLineException.class);
    assertThatThrownBy(() -> Dialogues.split("", "")).isInstanceOf(MalformedLineException.class);
  }

  @Property(tries = 300)
  void split_ofAnyDialogues_losesNothing(
      @ForAll String prompt, @ForAll String chosen, @ForAll String rejected) throws Exception {
    String shared = prompt + "\n\nAssistant:";

    Preference preference = Dialogues.split(shared + chosen, shared + rejected);

    assertThat(preference.prompt() + preference.chosen()).isEqualTo(shared + chosen);
    assertThat(preference.prompt() + preference.rejected()).isEqualTo(shared + rejected);
    assertThat(preference.prompt()).startsWith(shared).endsWith("\n\nAssistant:");
  }

  @Test
  void parse_ofMessages_readsTheDialogueThatTheySpell() throws Exception {
    Preference explicit =
        PreferenceFormat.MESSAGES.parse(
            StrictJson.object(
                """
                {"prompt": [{"role": "user", "content": "Hi"}],
                 "chosen": [{"role": "assistant", "content": "A"}],
                 "rejected": [{"role": "assistant", "content": "B"}]}
                """),
            ChatTemplate.HH);
    Preference shared =
        PreferenceFormat.MESSAGES.parse(
            StrictJson.object(
                """
                {"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "A"}],
                 "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "B"}]}
                """),
            ChatTemplate.HH);

    assertThat(explicit).isEqualTo(new Preference(QUESTION, " A", " B")).isEqualTo(shared);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"chosen\": \"text\", \"rejected\": []}",
        "{\"chosen\": [{\"role\": \"tool\", \"content\": \"a\"}], \"rejected\": []}",
        "{\"chosen\": [{\"role\": \"user\"}], \"rejected\": []}",
        "{\"chosen\": [1], \"rejected\": []}",
        "{\"chosen\": [], \"rejected\": []}"
      })
  void parse_ofBrokenMessages_throws(String line) {
    assertThatThrownBy(
            () -> PreferenceFormat.MESSAGES.parse(StrictJson.object(line), ChatTemplate.HH))
        .isInstanceOf(MalformedLineException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"chosen\": \"\\n\\nAssistant: a\"}", "{\"chosen\": 1}"})
  void parse_withoutAField_throws(String line) {
    for (PreferenceFormat format : PreferenceFormat.values()) {
      assertThatThrownBy(() -> format.parse(StrictJson.object(line), ChatTemplate.HH))
          .isInstanceOf(MalformedLineException.class)
          .hasMessageContaining(": expected a ");
    }
  }

  @Test
  void parse_ofAnthropicsDialogues_readsEveryPair() {
    Path file = SharedData.require("hh-rlhf/harmless-base-test.jsonl.gz");
    try (DataSetReader<Preference> reader =
        DataSets.preferences(file, PreferenceFormat.HH_DIALOGUES)) {
      ImmutableList<Preference> pairs = ImmutableList.copyOf(reader);

      assertThat(pairs).hasSize(2312);
      // Counts alone: the texts are not for the console.
      assertThat(pairs.stream().filter(pair -> !pair.prompt().startsWith("\n\nHuman:")).count())
          .isZero();
      assertThat(pairs.stream().filter(pair -> !pair.prompt().endsWith("\n\nAssistant:")).count())
          .isZero();
      assertThat(pairs.stream().filter(pair -> pair.chosen().equals(pair.rejected())).count())
          .isZero();
    }
  }
}
