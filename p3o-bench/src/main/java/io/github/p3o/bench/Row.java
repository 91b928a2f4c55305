package io.github.p3o.bench;

import com.google.common.base.Splitter;
import java.util.List;
import java.util.Locale;

/**
 * One line of the table of ratios.
 *
 * @param name of what was measured, with its parameters
 * @param library time of the library, milliseconds
 * @param peer time of what it is compared with, milliseconds
 * @param limit what the machine would need for the matrix products, or for the bytes, alone; NaN
 *     where neither is meant
 */
record Row(String name, double library, double peer, double limit) {

  static final String HEADER = "name,library_ms,peer_ms,ratio,limit_ms,library_over_limit";

  double ratio() {
    return library / peer;
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%s,%.6g,%.6g,%.3f,%.6g,%.3g",
        name,
        library,
        peer,
        ratio(),
        limit,
        library / limit);
  }

  static Row parse(String line) {
    List<String> cells = Splitter.on(',').splitToList(line);
    if (cells.size() != Splitter.on(',').splitToList(HEADER).size()) {
      throw new IllegalArgumentException("line: expected " + HEADER + ", got " + line);
    }
    return new Row(
        cells.get(0),
        Double.parseDouble(cells.get(1)),
        Double.parseDouble(cells.get(2)),
        Double.parseDouble(cells.get(4)));
  }
}
