package io.github.p3o.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;

/** The page that defines every metric. */
public final class MetricsPage {

  private static final Path FILE = Path.of("../docs/metrics.md");

  private MetricsPage() {}

  /** Asserts that the page has a row for each of these metrics. */
  public static void assertDefines(Collection<String> names) throws IOException {
    String page = Files.readString(FILE);
    assertThat(names).isNotEmpty().allMatch(name -> page.contains("`" + name + "`"));
  }
}
