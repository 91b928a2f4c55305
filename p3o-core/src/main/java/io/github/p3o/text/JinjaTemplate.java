package io.github.p3o.text;

import static com.google.common.base.Preconditions.checkArgument;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.common.collect.ImmutableMap;
import com.google.errorprone.annotations.Immutable;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import io.github.p3o.internal.StrictJson;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint's own template, rendered as Hugging Face's {@code apply_chat_template} does: blocks
 * are trimmed, and {@code raise_exception} refuses a conversation.
 */
@Immutable
@SuppressWarnings("Immutable") // a Jinjava is set up once and then only renders
final class JinjaTemplate implements ChatTemplate {

  private static final String FILE = "chat_template.jinja";
  private static final long MAX_BYTES = 16L << 20;

  /** Far more than any context, far less than memory: a template can have loops. */
  private static final long MAX_OUTPUT = 16L << 20;

  private static final Pattern BLOCK = Pattern.compile("\\{\\{.*?}}|\\{%.*?%}", Pattern.DOTALL);
  private static final Pattern TEXT = Pattern.compile("'[^']*'|\"[^\"]*\"");
  private static final Pattern FILTER = Pattern.compile("\\|\\s*(\\w+)");

  private final Jinjava jinjava;
  private final String source;
  private final String begin;
  private final String end;

  private JinjaTemplate(String source, String begin, String end) {
    this.jinjava = jinjava();
    // Jinja drops one; what is written keeps them.
    this.source = source.endsWith("\n") ? source.substring(0, source.length() - 1) : source;
    this.begin = begin;
    this.end = end;
  }

  /** As Python's Jinja does it, where the library's own ways differ. */
  private static Jinjava jinjava() {
    JinjavaConfig config =
        JinjavaConfig.newBuilder()
            .withTrimBlocks(true)
            .withLstripBlocks(true)
            .withKeepTrailingNewline(true)
            .withNestedInterpretationEnabled(false)
            .withMaxOutputSize(MAX_OUTPUT)
            .withLegacyOverrides(
                LegacyOverrides.newBuilder()
                    .withEvaluateMapKeys(true)
                    .withUsePyishObjectMapper(true)
                    .withUseNaturalOperatorPrecedence(true)
                    .withParseWhitespaceControlStrictly(true)
                    .withUseTrimmingForNotesAndExpressions(true)
                    .withKeepNullableLoopValues(true)
                    .build())
            .build();
    Jinjava jinjava = new Jinjava(config);
    jinjava
        .getGlobalContext()
        .registerFunction(
            new ELFunctionDefinition(
                "", "raise_exception", JinjaTemplate.class, "raiseException", String.class));
    return jinjava;
  }

  /** What templates call to refuse a conversation; the library finds it by its name. */
  @SuppressWarnings("DoNotCallSuggester") // templates do
  public static String raiseException(String message) {
    throw new IllegalArgumentException(message);
  }

  static JinjaTemplate read(Path directory) {
    Path file = directory.resolve(TokenizerFiles.TOKENIZER_CONFIG);
    try {
      JsonNode config = StrictJson.object(file, MAX_BYTES);
      Path alone = directory.resolve(FILE);
      String source =
          Files.exists(alone) ? Files.readString(alone) : source(config.path("chat_template"));
      checkArgument(
          source != null, "%s: expected a chat_template, or %s beside it, got none", file, FILE);
      JinjaTemplate template =
          new JinjaTemplate(
              source,
              TokenizerFiles.name(config.path("bos_token")),
              TokenizerFiles.name(config.path("eos_token")));
      template.checkFilters(file);
      return template;
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": expected a JSON object, got " + e, e);
    }
  }

  /** The library passes over a filter that it does not know. */
  private void checkFilters(Path file) {
    for (MatchResult block : BLOCK.matcher(source).results().toList()) {
      String code = TEXT.matcher(block.group()).replaceAll("");
      for (MatchResult filter : FILTER.matcher(code).results().toList()) {
        checkArgument(
            jinjava.getGlobalContext().getFilter(filter.group(1)) != null,
            "%s: chat_template: expected known filters, got %s",
            file,
            filter.group(1));
      }
    }
  }

  /** One template, or the default one of several. */
  private static @Nullable String source(JsonNode template) {
    for (JsonNode named : template) {
      if (named.path("name").asText().equals("default")) {
        return named.path("template").textValue();
      }
    }
    return template.textValue();
  }

  @Override
  public String prompt(List<Message> messages) {
    return withoutBegin(render(messages, true));
  }

  @Override
  public String answer(List<Message> before, List<Message> messages) {
    TurnsTemplate.checkAnswer(messages);
    List<Message> all = new ArrayList<>(before);
    all.addAll(messages);
    String prompt = render(before, true);
    String whole = render(all, false);
    checkArgument(
        whole.startsWith(prompt),
        "messages: expected the chat template to write an answer behind its prompt, got another"
            + " text");
    return withoutEnd(whole.substring(prompt.length()));
  }

  private String withoutBegin(String text) {
    return text.startsWith(begin) ? text.substring(begin.length()) : text;
  }

  private String withoutEnd(String text) {
    int at = text.lastIndexOf(end);
    boolean last = !end.isEmpty() && at >= 0 && text.substring(at + end.length()).isBlank();
    return last ? text.substring(0, at) : text;
  }

  private String render(List<Message> messages, boolean promptFollows) {
    RenderResult result =
        jinjava.renderForResult(
            source,
            ImmutableMap.of(
                "messages",
                messages.stream()
                    .map(m -> ImmutableMap.of("role", m.role(), "content", m.content()))
                    .toList(),
                "add_generation_prompt",
                promptFollows,
                "bos_token",
                begin,
                "eos_token",
                end));
    checkArgument(
        !result.hasErrors(),
        "messages: expected a conversation that the chat template takes, got: %s",
        result.getErrors());
    return result.getOutput();
  }
}
