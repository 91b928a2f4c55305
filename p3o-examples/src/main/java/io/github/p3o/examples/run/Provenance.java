package io.github.p3o.examples.run;

import com.google.common.collect.ImmutableMap;
import io.github.p3o.Backend;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;

/** Under what a run ran: versions and hardware. */
public final class Provenance {

  private static final String UNKNOWN = "unknown";

  private Provenance() {}

  /** The version of this program. */
  public static String version() {
    String version = Provenance.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  /** The version of a Maven artifact on the class path. */
  public static String version(String group, String artifact) {
    String resource = "/META-INF/maven/" + group + "/" + artifact + "/pom.properties";
    try (InputStream in = Provenance.class.getResourceAsStream(resource)) {
      if (in == null) {
        return UNKNOWN;
      }
      Properties properties = new Properties();
      properties.load(in);
      return properties.getProperty("version", UNKNOWN);
    } catch (IOException e) {
      return UNKNOWN;
    }
  }

  /** Versions, backend and machine, by name; nothing that names a person or a place. */
  public static ImmutableMap<String, String> all() {
    return ImmutableMap.<String, String>builder()
        .put("p3o", version())
        .put("nd4j", version("org.nd4j", "nd4j-api"))
        .put("backend", Backend.start())
        .put("java", System.getProperty("java.vendor") + " " + Runtime.version())
        .put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"))
        .put("processor", processor())
        .put("processors", String.valueOf(Runtime.getRuntime().availableProcessors()))
        .put("heap", (Runtime.getRuntime().maxMemory() >> 20) + " MiB")
        .put("threads", threads())
        .buildOrThrow();
  }

  private static String threads() {
    Map<String, String> environment = System.getenv();
    return "OMP_NUM_THREADS=" + environment.getOrDefault("OMP_NUM_THREADS", "unset");
  }

  private static String processor() {
    Path file = Path.of("/proc/cpuinfo");
    if (!Files.isReadable(file)) {
      return UNKNOWN;
    }
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith("model name"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(UNKNOWN);
    } catch (IOException e) {
      return UNKNOWN;
    }
  }
}
