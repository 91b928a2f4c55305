package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.github.p3o.TrainerConfig;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The configuration in docs/examples.md has every key, with its default. */
class ConfigurationDocTest {

  private static final Pattern BLOCK = Pattern.compile("(?ms)^```yaml\\n(.*?)^```$");

  @TempDir private Path directory = Path.of("");

  private static String documented() throws IOException {
    Matcher block = BLOCK.matcher(Files.readString(Path.of("../docs/examples.md")));
    assertThat(block.find()).isTrue();
    return block.group(1);
  }

  @Test
  void configuration_inTheDocument_isTheDefault() throws IOException {
    Path file = directory.resolve("t.yaml");
    Files.writeString(file, documented());

    assertThat(TrainerConfig.read(file)).isEqualTo(TrainerConfig.builder().build());
  }

  @Test
  void configuration_inTheDocument_hasEveryKey() throws IOException {
    assertHasKeys(new YAMLMapper().readTree(documented()), TrainerConfig.class);
  }

  private static void assertHasKeys(JsonNode keys, Class<?> type) {
    RecordComponent[] components = type.getRecordComponents();
    assertThat(keys.fieldNames())
        .toIterable()
        .containsExactlyElementsOf(
            Arrays.stream(components).map(RecordComponent::getName).toList());
    for (RecordComponent component : components) {
      if (component.getType().isRecord()) {
        assertHasKeys(keys.path(component.getName()), component.getType());
      }
    }
  }
}
