package io.github.p3o.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.google.common.base.Splitter;
import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The library as a host sees it that has left the optional dependency out. */
class TokenizersWithoutDjlTest {

  @TempDir Path directory;

  @Test
  void huggingFace_withoutDjl_namesTheArtifact() throws Exception {
    Tokenizers.writeWordLevel(directory, List.of("the", "cat"));
    try (URLClassLoader host = new URLClassLoader(classPathWithoutDjl(), null)) {
      Class<?> tokenizers = host.loadClass(Tokenizers.class.getName());
      Method huggingFace = tokenizers.getMethod("huggingFace", Path.class);

      assertThatThrownBy(() -> huggingFace.invoke(null, directory))
          .isInstanceOf(InvocationTargetException.class)
          .cause()
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("expected ai.djl.huggingface:tokenizers:0.38.0 on the class path");
      assertThat(tokenizers.getMethod("bytes").invoke(null)).isNotNull();
    }
  }

  private static URL[] classPathWithoutDjl() throws MalformedURLException, URISyntaxException {
    Path djl =
        Path.of(
            HuggingFaceTokenizer.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<URL> urls = new ArrayList<>();
    String classPath = System.getProperty("java.class.path", "");
    for (String entry : Splitter.on(File.pathSeparatorChar).split(classPath)) {
      Path path = Path.of(entry).toAbsolutePath();
      if (!path.equals(djl)) {
        urls.add(path.toUri().toURL());
      }
    }
    return urls.toArray(URL[]::new);
  }
}
