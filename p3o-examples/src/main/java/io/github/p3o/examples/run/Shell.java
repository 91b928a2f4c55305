package io.github.p3o.examples.run;

import com.google.common.base.CharMatcher;
import java.io.File;
import java.nio.file.Path;

/** Commands that are printed to be used again. */
public final class Shell {

  private static final CharMatcher PLAIN =
      CharMatcher.inRange('a', 'z')
          .or(CharMatcher.inRange('A', 'Z'))
          .or(CharMatcher.inRange('0', '9'))
          .or(CharMatcher.anyOf("._-+=:,@%/" + File.separator));

  private Shell() {}

  /**
   * A path as one word of a command line: in quotes if a shell would take it for something else.
   */
  public static String word(Path path) {
    String text = path.toString();
    if (PLAIN.matchesAllOf(text)) {
      return text;
    }
    return File.separatorChar == '\\' ? '"' + text + '"' : "'" + text.replace("'", "'\\''") + "'";
  }
}
