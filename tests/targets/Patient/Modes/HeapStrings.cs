#pragma warning disable CS0067, CS0649 // what is there to be seen in the heap is never read
using System.Runtime.CompilerServices;
using System.Text;

namespace Medic.Targets
{
    /// <summary>
    /// `strings`: strings that are there more than once, of every kind, each kind below a field of its own. `strings
    /// healthy`: many strings, none twice. The command `truth` prints them; `litter` leaves a thousand equal ones that
    /// nobody holds.
    /// </summary>
    sealed class Strings(bool healthy) : Heap
    {
        public override void Start()
        {
            if (healthy)
                Fill(Texts.Unique.Fill);
            else
                Fill(Texts.Unique.Fill, Texts.Kinds.Fill, Texts.Places.Fill, Texts.Others.Fill);
        }

        public override void Command(string line)
        {
            if (line != "litter")
            {
                base.Command(line);
                return;
            }
            var thread = new Thread(Texts.Others.Litter);
            thread.Start();
            thread.Join();
            Console.WriteLine("done");
        }

        protected override Truth Known() => new();

        protected override string More
        {
            get
            {
                var values = healthy ? [] : Texts.Kinds.Tell().Concat(Texts.Places.Tell());
                return $$""","unique":{{Texts.Unique.Count}},"values":[{{string.Join(',', values)}}]""";
            }
        }
    }
}

namespace Texts
{
    using Medic.Targets;

    static class Copy
    {
        /// <summary>Another string of the same characters.</summary>
        public static string Of(string text) => new(text.AsSpan());

        public static string[] Times(string text, int count) => Enumerable.Range(0, count).Select(_ => Of(text)).ToArray();

        /// <summary>A value: how often it is there, what one takes, what could be saved, the program's own field that holds
        /// it.</summary>
        public static string Tell(string text, int count, string holder) =>
            $$"""{"text":{{Json.Text(text, 200)}},"length":{{text.Length}},"count":{{count}},"size":{{Sizes.String(text.Length)}},"wasted":{{(count - 1) * Sizes.String(text.Length)}},"holder":{{Json.Text(holder)}}}""";
    }

    sealed class Note(string text)
    {
        public readonly string Text = text;
    }

    /// <summary>Each text as often as it says, in the field Text of as many objects.</summary>
    static class Kinds
    {
        private static Note[]? s_notes;

        /// <summary>They are made anew for every use, or the list would hold one more copy of each.</summary>
        private static (string Text, int Count)[] All() =>
        [
            (Made("~order pending"), 5000),
            (Made("~Überweisung – Zahlung 100 €"), 300),
            (Made("~\U0001F600\U0001F389 party"), 200),
            (Made("~\uD83D alone"), 100),
            (Made("~alone \uDE00"), 90),
            (Made("~a\0b\r\n\t\u0001\u001b[31mred\u007f"), 50),
            (Made("~<script>alert('x')</script>&amp;<b>\"bold\"</b>"), 40),
            (Made("~C:\\temp\\\"new\"\\n`$(id)`|*"), 30),
            (Made("~\u202Eright to left\u2028line\u2029\uFEFF"), 20),
            (Made("~z\u0301\u0323combined"), 15),
            (new string('m', 524_288), 3),
            ("1" + Faces(5000), 4),
            (Faces(5000), 5),
            (new string(' ', 500), 12),
            (Made("~щ"), 700),
        ];

        /// <summary>The literal is a string in the heap too: it has one character more.</summary>
        private static string Made(string literal) => literal[1..];

        private static string Faces(int count)
        {
            var text = new StringBuilder();
            for (var i = 0; i < count; i++)
                text.Append("\U0001F600");
            return text.ToString();
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Fill() => s_notes =
            All().SelectMany(kind => Enumerable.Range(0, kind.Count).Select(_ => new Note(Copy.Of(kind.Text)))).ToArray();

        public static IEnumerable<string> Tell() => All().Select(kind => Copy.Tell(kind.Text, kind.Count, "Texts.Note.Text"));
    }

    /// <summary>Where strings can be: in arrays, lists, structs in arrays, keys and values of dictionaries, static
    /// fields.</summary>
    static class Places
    {
        private static string[]? s_array;
        private static List<string>? s_list;
        private static Row[]? s_rows;
        private static Dictionary<string, int>[]? s_keys;
        private static Dictionary<int, string>? s_values;
        private static string? s_one, s_other;

        private struct Row
        {
            public int Number;
            public string City;
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Fill()
        {
            s_array = Copy.Times(InArray, 150);
            s_list = [.. Copy.Times(InList, 500)];
            s_rows = Copy.Times(InStruct, 400).Select(city => new Row { City = city }).ToArray();
            s_keys = Copy.Times(InKey, 100).Select(key => new Dictionary<string, int> { [key] = 1 }).ToArray();
            s_values = Copy.Times(InValue, 110).Select((text, i) => (text, i)).ToDictionary(p => p.i, p => p.text);
            s_one = Copy.Of(InStatic);
            s_other = Copy.Of(InStatic);
        }

        // Put together of parts: no literal has these characters.
        private static string InArray => Of("in an array");
        private static string InList => Of("in a list");
        private static string InStruct => Of("in a struct");
        private static string InKey => Of("in a key");
        private static string InValue => Of("in a value");
        private static string InStatic => Of("in a static field");

        private static string Of(string place) => string.Concat("text ", place);

        public static IEnumerable<string> Tell() =>
        [
            Copy.Tell(InArray, s_array!.Length, "static Texts.Places.s_array"),
            Copy.Tell(InList, s_list!.Count, "static Texts.Places.s_list"),
            Copy.Tell(InStruct, s_rows!.Length, "Texts.Places.Row[].City"),
            Copy.Tell(InKey, s_keys!.Length, "static Texts.Places.s_keys"),
            Copy.Tell(InValue, s_values!.Count, "static Texts.Places.s_values"),
            Copy.Tell(InStatic, 2, "static Texts.Places.s_one"),
        ];
    }

    /// <summary>What is no duplicate: many references to one string, the empty one, of which there is only one, and the dead.
    /// </summary>
    static class Others
    {
        private static string[]? s_same, s_empty;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Fill()
        {
            s_same = Enumerable.Repeat(string.Concat("many references ", "to one"), 1000).ToArray();
            s_empty = Enumerable.Range(0, 1000).Select(_ => new string([])).ToArray();
        }

        public static void Litter()
        {
            for (var i = 0; i < 1000; i++)
                GC.KeepAlive(string.Concat("dropped before ", "the photograph"));
        }
    }

    /// <summary>Same length, same beginning.</summary>
    static class Unique
    {
        public const int Count = 20_000;
        private static string[]? s_all;

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void Fill() =>
            s_all = Enumerable.Range(0, Count).Select(i => $"customer number {i:D8} of the shop").ToArray();
    }
}
