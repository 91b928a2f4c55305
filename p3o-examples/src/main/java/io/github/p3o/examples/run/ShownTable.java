package io.github.p3o.examples.run;

import java.util.List;

/**
 * A table that a run printed, for its report.
 *
 * @param heading above it
 * @param header the column titles
 * @param rows a cell for each column
 * @param note what the columns mean
 */
public record ShownTable(
    String heading, List<String> header, List<? extends List<String>> rows, String note) {

  /** The file of a run that holds them. */
  public static final String FILE = "tables.json";

  static ShownTable of(String heading, TextTable table, String note) {
    return new ShownTable(heading, table.header(), table.rows(), note);
  }
}
