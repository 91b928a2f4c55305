package io.github.p3o.examples;

import com.google.common.base.Ascii;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.TypeConversionException;

/** Reads options that are a choice among a few, in upper or lower case. */
final class Choices {

  private Choices() {}

  /** Reads such options of a command; a mistake is answered with each name once. */
  static void register(CommandLine command, CommandLine root) {
    for (OptionSpec option : command.getCommandSpec().options()) {
      for (Class<?> type : option.auxiliaryTypes()) {
        if (type.isEnum()) {
          register(root, type);
        }
      }
    }
  }

  private static <E> void register(CommandLine root, Class<E> type) {
    root.registerConverter(type, text -> read(type.getEnumConstants(), text));
  }

  private static <E> E read(E[] choices, String text) {
    List<String> names = Arrays.stream(choices).map(E::toString).map(Ascii::toLowerCase).toList();
    int index = names.indexOf(Ascii.toLowerCase(text));
    if (index < 0) {
      throw new TypeConversionException("expected one of " + names + ", got '" + text + "'");
    }
    return choices[index];
  }
}
