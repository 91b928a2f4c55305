package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.common.io.Resources;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates of checkpoints; what they should give was written by chat_templates.py. */
class ChatTemplateTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<Message> QUESTION =
      List.of(new Message("user", "Two\nlines {% if %} \u00e9"));

  @TempDir Path directory;

  static Stream<JsonNode> cases() throws IOException {
    JsonNode cases =
        JSON.readTree(
            Resources.toByteArray(
                Resources.getResource(ChatTemplateTest.class, "chat-templates.json")));
    return StreamSupport.stream(cases.spliterator(), false);
  }

  private ChatTemplate template(JsonNode config) throws IOException {
    Files.writeString(directory.resolve(TokenizerFiles.TOKENIZER_CONFIG), config.toString());
    return ChatTemplate.ofCheckpoint(directory);
  }

  private ChatTemplate template(String source) throws IOException {
    return template(JSON.valueToTree(Map.of("chat_template", source, "bos_token", "<s>")));
  }

  private static List<Message> messages(JsonNode conversation) {
    List<Message> messages = new ArrayList<>();
    conversation.forEach(
        m -> messages.add(new Message(m.path("role").asText(), m.path("content").asText())));
    return messages;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void prompt_byAPublishedTemplate_isWhatTransformersWrites(JsonNode given) throws IOException {
    ChatTemplate template = template(given);
    List<Message> messages = messages(given.path("messages"));
    if (given.has("error")) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> template.prompt(messages))
          .withMessageStartingWith("messages: expected a conversation that the chat template takes")
          .withMessageContaining(given.path("error").asText());
      return;
    }
    // The begin token is the tokenizer's.
    assertThat(given.path("bos_token").asText() + template.prompt(messages))
        .isIn(
            given.path("prompt").asText(),
            given.path("bos_token").asText() + given.path("prompt").asText())
        .endsWith(template.prompt(messages));
  }

  /** What stands behind the last answer is the end token's. */
  @ParameterizedTest
  @CsvSource({
    "zephyr, ok",
    "qwen2, ok",
    "llama2, ' ok '",
    "llama3, ok",
    "qwen25, ok",
    "mistral, ok"
  })
  void answer_byAPublishedTemplate_followsThePrompt(String name, String expected)
      throws IOException {
    JsonNode config =
        cases().filter(c -> c.path("name").asText().equals(name)).findFirst().orElseThrow();
    ChatTemplate template = template(config);

    assertThat(template.answer(QUESTION, List.of(new Message("assistant", "ok"))))
        .isEqualTo(expected);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> template.answer(List.of(), QUESTION))
        .withMessage("messages: expected the assistant's first, got another");
  }

  @Test
  void ofCheckpoint_withATemplateOfItsOwnFile_readsIt() throws IOException {
    Files.writeString(directory.resolve("chat_template.jinja"), "{{ bos_token }}A\n\n");
    assertThat(template("B").prompt(QUESTION)).isEqualTo("A\n");
  }

  @Test
  void ofCheckpoint_withSeveralTemplates_takesTheDefault() throws IOException {
    JsonNode config =
        JSON.readTree(
            """
            {"bos_token": {"content": "<b>"}, "chat_template": [
              {"name": "tools", "template": "T"},
              {"name": "default", "template": "{{ bos_token + messages[0].content }}"}]}
            """);
    assertThat(template(config).prompt(List.of(new Message("user", "hi")))).isEqualTo("hi");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"chat_template\": null}", "{\"chat_template\": 3}"})
  void ofCheckpoint_withoutATemplate_saysSo(String config) throws IOException {
    JsonNode json = JSON.readTree(config);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> template(json))
        .withMessageContaining("expected a chat_template, or chat_template.jinja beside it");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for m in messages %}",
        "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{{"
            + " messages[0].content }}{% endfor %}{% endfor %}{% endfor %}"
      })
  void prompt_byATemplateThatCannotBeRendered_isRefused(String source) throws IOException {
    ChatTemplate template = template(source);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> template.prompt(QUESTION))
        .withMessageStartingWith(
            "messages: expected a conversation that the chat template takes, got: ");
  }

  @Test
  void ofCheckpoint_withAnUnknownFilter_namesIt() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> template("a|b {{ '<|x|>' + messages | tojson }}{% if a | nothing %}"))
        .withMessageEndingWith("chat_template: expected known filters, got nothing");
  }

  @Test
  void answer_byATemplateThatRewritesItsPrompt_isRefused() throws IOException {
    ChatTemplate template = template("{{ messages | length }}{{ messages[0].content }}");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> template.answer(QUESTION, List.of(new Message("assistant", "ok"))))
        .withMessageContaining("expected the chat template to write an answer behind its prompt");
  }
}
