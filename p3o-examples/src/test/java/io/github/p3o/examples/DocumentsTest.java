package io.github.p3o.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.google.common.base.Ascii;
import com.google.common.base.CharMatcher;
import com.google.common.base.Splitter;
import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableSet;
import com.google.common.io.MoreFiles;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import picocli.CommandLine;

/** What the documents show is there: code, commands, options, files and links. */
class DocumentsTest {

  private static final Path ROOT = Path.of("..");

  private static final CharMatcher BLANK = CharMatcher.whitespace();

  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w*)\\n(.*?)^```$");
  private static final Pattern SPAN = Pattern.compile("`([^`\\n]+)`");
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
  private static final Pattern HEADING = Pattern.compile("(?m)^#+ +(.+)$");

  /** Also behind settings of the environment. */
  private static final Pattern P3O =
      Pattern.compile("(?:^|[ $(])(?:bin/)?p3o ([a-z]+)\\b([^`|#;]*)");

  private static final Pattern OPTION = Pattern.compile("(?<![\\w-])--[a-z][a-z-]*");

  /** Of spark-submit, and of the script that packs for a machine without network. */
  private static final Set<String> OPTIONS_OF_OTHERS = Set.of("--conf", "--cpu", "--cuda");

  /** Every Java source of the project without its blanks: formatters break lines elsewhere. */
  private static ImmutableList<String> sources = ImmutableList.of();

  private static ImmutableSet<String> classes = ImmutableSet.of();

  @BeforeAll
  static void readsTheSources() throws IOException {
    ImmutableList.Builder<String> texts = ImmutableList.builder();
    ImmutableSet.Builder<String> names = ImmutableSet.builder();
    for (String folder :
        List.of(
            "p3o-core/src",
            "p3o-losses/src",
            "p3o-examples/src",
            "p3o-examples/spark/src",
            "p3o-bench/src",
            "p3o-spark/src")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(folder))) {
        for (Path file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
          texts.add(BLANK.removeFrom(Files.readString(file)));
          names.add(MoreFiles.getNameWithoutExtension(file));
        }
      }
    }
    sources = texts.build();
    classes = names.build();
  }

  /** What a reader of this version goes by. */
  private static Stream<Path> guides() throws IOException {
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      List<Path> all =
          new ArrayList<>(docs.filter(file -> file.toString().endsWith(".md")).sorted().toList());
      all.addAll(List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")));
      return all.stream();
    }
  }

  /** And what has been decided and changed, which may name what was there then. */
  private static Stream<Path> documents() throws IOException {
    try (Stream<Path> records = Files.list(ROOT.resolve("docs/adr"))) {
      return Stream.concat(
          guides(),
          Stream.concat(
              records.sorted().toList().stream(), Stream.of(ROOT.resolve("CHANGELOG.md"))));
    }
  }

  private record Block(String language, String text) {}

  private static List<Block> blocks(Path document) throws IOException {
    return BLOCK
        .matcher(Files.readString(document))
        .results()
        .map(found -> new Block(found.group(1), found.group(2)))
        .toList();
  }

  /** Lines of blocks, those that go on behind a backslash as one, and code within sentences. */
  private static List<String> code(Path document) throws IOException {
    List<String> code = new ArrayList<>();
    for (Block block : blocks(document)) {
      if (!Set.of("java", "xml", "mermaid").contains(block.language())) {
        block.text().replace("\\\n", " ").lines().forEach(code::add);
      }
    }
    String sentences = BLOCK.matcher(Files.readString(document)).replaceAll("");
    SPAN.matcher(sentences).results().map(found -> found.group(1)).forEach(code::add);
    return code;
  }

  @ParameterizedTest
  @MethodSource("guides")
  void java_standsInASourceThatIsCompiled(Path document) throws IOException {
    for (Block block : blocks(document)) {
      if (block.language().equals("java")) {
        String expected = BLANK.removeFrom(block.text());
        assertThat(sources.stream().anyMatch(source -> source.contains(expected)))
            .as("%s: expected a source with%n%s", document, block.text())
            .isTrue();
        assertThat(block.text().lines()).hasSizeLessThanOrEqualTo(25);
      }
    }
  }

  /** One with a version is the list of versions, of this version; all others are in that list. */
  @ParameterizedTest
  @MethodSource("guides")
  void xml_importsThisVersionAndNeedsNoOther(Path document) throws Exception {
    Element bom = xml(Files.readString(ROOT.resolve("p3o-bom/pom.xml")));
    ImmutableSet<String> managed =
        dependencies(bom).map(DocumentsTest::coordinates).collect(ImmutableSet.toImmutableSet());
    for (Block block : blocks(document)) {
      if (block.language().equals("xml")) {
        List<Element> found = dependencies(xml("<all>" + block.text() + "</all>")).toList();
        assertThat(found).isNotEmpty();
        for (Element dependency : found) {
          if (dependency.getElementsByTagName("version").getLength() > 0) {
            assertThat(text(dependency, "artifactId")).isEqualTo(text(bom, "artifactId"));
            assertThat(text(dependency, "version")).isEqualTo(text(bom, "version"));
          } else {
            assertThat(managed).as("%s", document).contains(coordinates(dependency));
          }
        }
      }
    }
  }

  private static Stream<Element> dependencies(Element element) {
    NodeList found = element.getElementsByTagName("dependency");
    return IntStream.range(0, found.getLength()).mapToObj(i -> (Element) found.item(i));
  }

  private static String coordinates(Element dependency) {
    return Stream.of("groupId", "artifactId", "classifier")
        .filter(name -> dependency.getElementsByTagName(name).getLength() > 0)
        .map(name -> text(dependency, name))
        .collect(Collectors.joining(":"));
  }

  private static Element xml(String text) throws Exception {
    return DocumentBuilderFactory.newDefaultInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)))
        .getDocumentElement();
  }

  /** Of the first element of this name. */
  private static String text(Element element, String name) {
    return element.getElementsByTagName(name).item(0).getTextContent();
  }

  @ParameterizedTest
  @MethodSource("guides")
  void commands_haveTheOptionsThatTheyAreShownWith(Path document) throws IOException {
    Map<String, CommandLine> commands = Main.commandLine().getSubcommands();
    for (String line : code(document)) {
      for (MatchResult found : P3O.matcher(line).results().toList()) {
        CommandLine command = commands.get(found.group(1));
        if (command == null) {
          fail("%s: expected one of %s, got: %s", document, commands.keySet(), line);
        }
        assertThat(options(found.group(2)))
            .as("%s: options of %s", document, line)
            .allMatch(option -> command.getCommandSpec().findOption(option) != null);
      }
    }
  }

  /** An option within a sentence is one of some command. */
  @ParameterizedTest
  @MethodSource("guides")
  void options_areThoseOfACommand(Path document) throws IOException {
    for (String span : code(document)) {
      if (span.startsWith("--")) {
        assertThat(options(span))
            .as("%s: options in %s", document, span)
            .allMatch(
                option ->
                    OPTIONS_OF_OTHERS.contains(option)
                        || Main.commandLine().getSubcommands().values().stream()
                            .anyMatch(each -> each.getCommandSpec().findOption(option) != null));
      }
    }
  }

  private static List<String> options(String text) {
    return OPTION.matcher(text).results().map(MatchResult::group).toList();
  }

  @ParameterizedTest
  @MethodSource("guides")
  void testsAndBenchmarks_areThere(Path document) throws IOException {
    Pattern test =
        Pattern.compile("-Dtest=([\\w,]+)|^(\\w+Test)$|io\\.github\\.p3o\\.bench\\.(\\w+)");
    for (String line : code(document)) {
      for (MatchResult found : test.matcher(line).results().toList()) {
        for (int group = 1; group <= found.groupCount(); group++) {
          if (found.group(group) != null) {
            assertThat(classes)
                .as("%s: %s", document, line)
                .containsAll(Splitter.on(',').split(found.group(group)));
          }
        }
      }
    }
  }

  /** Scripts and files of the project that a document names. */
  @ParameterizedTest
  @MethodSource("guides")
  void files_areThere(Path document) throws IOException {
    Pattern file =
        Pattern.compile("(?:^|[ \"])(?:\\./)?((?:bin|docs|\\.ci|p3o-[a-z]+)/[\\w./-]*[\\w-]|mvnw)");
    for (String line : code(document)) {
      for (MatchResult found : file.matcher(line).results().toList()) {
        if (!found.group(1).contains("/target/")) {
          assertThat(ROOT.resolve(found.group(1))).as("%s: %s", document, line).exists();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("documents")
  void links_leadSomewhere(Path document) throws IOException {
    String text =
        SPAN.matcher(BLOCK.matcher(Files.readString(document)).replaceAll("")).replaceAll("");
    for (MatchResult found : LINK.matcher(text).results().toList()) {
      String link = found.group(1);
      if (!link.startsWith("http")) {
        List<String> parts = Splitter.on('#').splitToList(link);
        Path target = parts.get(0).isEmpty() ? document : document.resolveSibling(parts.get(0));
        assertThat(target).as("%s: %s", document, link).exists();
        if (parts.size() > 1) {
          assertThat(anchors(target)).as("%s: %s", document, link).contains(parts.get(1));
        }
      }
    }
  }

  /** As GitHub makes them of headings. */
  private static List<String> anchors(Path document) throws IOException {
    return HEADING
        .matcher(Files.readString(document))
        .results()
        .map(found -> Ascii.toLowerCase(found.group(1)).replaceAll("[^\\p{L}\\p{N} _-]", ""))
        .map(heading -> heading.replace(' ', '-'))
        .toList();
  }

  /** So that no check above passes for want of anything to look at. */
  @Test
  void documents_haveWhatIsLookedFor() throws IOException {
    List<String> languages = new ArrayList<>();
    List<String> code = new ArrayList<>();
    List<String> links = new ArrayList<>();
    for (Path document : documents().toList()) {
      blocks(document).forEach(block -> languages.add(block.language()));
      code.addAll(code(document));
      LINK.matcher(Files.readString(document)).results().forEach(link -> links.add(link.group(1)));
    }
    assertThat(languages).contains("java", "xml", "sh", "text");
    assertThat(code)
        .anyMatch(line -> P3O.matcher(line).find() && OPTION.matcher(line).find())
        .anyMatch(line -> line.startsWith("--"))
        .anyMatch(line -> line.contains("-Dtest="))
        .anyMatch(line -> line.contains("io.github.p3o.bench."))
        .contains("FeedbackServiceTest");
    assertThat(links)
        .contains("0001-nd4j-m1.1.md", "docs/examples.md")
        .anyMatch(link -> link.contains("#"));
  }

  @Test
  void decisions_areAllInTheirTable() throws IOException {
    String table = Files.readString(ROOT.resolve("docs/adr/README.md"));
    try (Stream<Path> files = Files.list(ROOT.resolve("docs/adr"))) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .filteredOn(name -> name.matches("\\d.*"))
          .isNotEmpty()
          .allSatisfy(
              name ->
                  assertThat(table)
                      .contains(
                          String.format(
                              Locale.ROOT,
                              "| [%d](%s) |",
                              Integer.parseInt(name.substring(0, 4)),
                              name)));
    }
  }
}
