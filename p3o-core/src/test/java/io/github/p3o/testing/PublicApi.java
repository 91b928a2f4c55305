package io.github.p3o.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.common.collect.Sets;
import java.io.IOException;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What users of a module can name: all that is public or protected outside the internals. */
public final class PublicApi {

  private static final Path FILE = Path.of("src/test/resources/public-api.txt");
  private static final String INTERNAL = "io.github.p3o.internal.";

  /** Packages that go without saying. */
  private static final Pattern PLAIN =
      Pattern.compile("\\bjava\\.(lang|util|util\\.function)\\.(?=[A-Z])");

  /** Every record and many a class has these. */
  private static final Pattern OF_OBJECT =
      Pattern.compile(".* (equals\\(Object\\)|hashCode\\(\\)|toString\\(\\))");

  private PublicApi() {}

  /**
   * Asserts that the API of a module is the one that its {@code public-api.txt} lists; with {@code
   * -Dp3o.updateApi=true} the file is written anew.
   *
   * @param anyOfModule any class of the module, whose class files are then read
   */
  public static void assertAsListed(Class<?> anyOfModule) throws IOException, URISyntaxException {
    List<String> api = lines(anyOfModule);
    if (Boolean.getBoolean("p3o.updateApi")) {
      Files.write(FILE, api);
    }
    List<String> listed = Files.readAllLines(FILE);
    assertThat(differences(listed, api))
        .as("changes of the public API; if they are meant, -Dp3o.updateApi=true rewrites %s", FILE)
        .isEmpty();
    assertThat(api).isEqualTo(listed);
  }

  /** What is new or gone, each member with its type. */
  private static List<String> differences(List<String> listed, List<String> api) {
    Set<String> before = withTypes(listed);
    Set<String> now = withTypes(api);
    return Stream.concat(
            Sets.difference(now, before).stream().map(line -> "new: " + line),
            Sets.difference(before, now).stream().map(line -> "gone: " + line))
        .toList();
  }

  private static Set<String> withTypes(List<String> lines) {
    Set<String> all = new LinkedHashSet<>();
    String type = "";
    for (String line : lines) {
      type = line.startsWith(" ") ? type : line;
      all.add(line.startsWith(" ") ? type + " {" + line + " }" : line);
    }
    return all;
  }

  /** A line for each type and, indented, for each of its members. */
  private static List<String> lines(Class<?> anyOfModule) throws IOException, URISyntaxException {
    Path place = Path.of(anyOfModule.getProtectionDomain().getCodeSource().getLocation().toURI());
    if (Files.isDirectory(place)) {
      return lines(place, anyOfModule.getClassLoader());
    }
    try (FileSystem jar = FileSystems.newFileSystem(place)) {
      return lines(jar.getPath("/"), anyOfModule.getClassLoader());
    }
  }

  private static List<String> lines(Path classes, ClassLoader loader) throws IOException {
    List<String> lines = new ArrayList<>();
    try (Stream<Path> files = Files.walk(classes)) {
      files
          .map(file -> classes.relativize(file).toString().replace('\\', '.').replace('/', '.'))
          .filter(name -> name.endsWith(".class") && !name.endsWith("-info.class"))
          .map(name -> name.substring(0, name.length() - ".class".length()))
          .filter(name -> !name.startsWith(INTERNAL))
          .sorted()
          .map(name -> load(name, loader))
          .filter(PublicApi::isReachable)
          .forEach(type -> addLines(type, lines));
    }
    return lines;
  }

  private static Class<?> load(String name, ClassLoader loader) {
    try {
      return Class.forName(name, false, loader);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isReachable(Class<?> type) {
    return isVisible(type.getModifiers())
        && !type.isAnonymousClass()
        && !type.isLocalClass()
        && (type.getEnclosingClass() == null || isReachable(type.getEnclosingClass()));
  }

  private static boolean isVisible(int modifiers) {
    return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
  }

  private static void addLines(Class<?> type, List<String> lines) {
    // How an enum with bodies is marked depends on the compiler, and is nothing to a user.
    String header =
        type.isEnum()
            ? type.toGenericString().replaceFirst("( abstract| final)?( sealed)? enum", " enum")
            : type.toGenericString();
    StringBuilder line = new StringBuilder(header);
    List<Class<?>> own = withHiddenSuperclasses(type);
    Class<?> last = own.get(own.size() - 1);
    Stream.concat(
            Stream.ofNullable(last.getGenericSuperclass()).filter(c -> c != Object.class),
            own.stream().flatMap(each -> Arrays.stream(each.getGenericInterfaces())))
        .forEach(above -> line.append(" : ").append(above.getTypeName()));
    lines.add(PLAIN.matcher(line).replaceAll(""));
    addMembers(type.getDeclaredFields(), field -> field.toGenericString(), lines);
    addMembers(type.getDeclaredConstructors(), each -> each.toGenericString(), lines);
    addMembers(
        own.stream()
            .flatMap(each -> Arrays.stream(each.getDeclaredMethods()))
            .toArray(Method[]::new),
        method -> method.toGenericString(),
        lines);
  }

  /** A type and its package-private superclasses, whose public methods are its own to a user. */
  private static List<Class<?>> withHiddenSuperclasses(Class<?> type) {
    List<Class<?>> all = new ArrayList<>(List.of(type));
    for (Class<?> above = type.getSuperclass();
        above != null && !isVisible(above.getModifiers());
        above = above.getSuperclass()) {
      all.add(above);
    }
    return all;
  }

  private static <M extends Member> void addMembers(
      M[] members, Function<M, String> description, List<String> lines) {
    Arrays.stream(members)
        .filter(member -> isVisible(member.getModifiers()) && !member.isSynthetic())
        .map(
            member ->
                description
                    .apply(member)
                    .replace(member.getDeclaringClass().getTypeName() + ".", ""))
        .map(text -> PLAIN.matcher(text).replaceAll(""))
        .filter(text -> !OF_OBJECT.matcher(text).matches())
        .sorted()
        .forEach(text -> lines.add("  " + text));
  }
}
