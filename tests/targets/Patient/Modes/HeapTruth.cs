using System.Text;

namespace Medic.Targets;

/// <summary>Bytes of objects, reckoned by hand: 8 of header and 8 of type before the fields, at least 24, in steps of 8.</summary>
static class Sizes
{
    public const int Delegate = 64;

    public static long Object(int fields) => Math.Max(24, Up(16 + fields));

    public static long Array(int element, long length, int rank = 1) =>
        Up(24 + (rank > 1 ? 8 * rank : 0) + element * length);

    public static long String(long length) => Up(22 + 2 * length);

    /// <summary>What the runtime says: the base size and the component size of the type.</summary>
    public static unsafe long Of(object o)
    {
        var table = (uint*)o.GetType().TypeHandle.Value;
        var component = (table[0] & 0x8000_0000) != 0 ? table[0] & 0xFFFF : 0;
        var count = o is string text ? text.Length : o is System.Array array ? array.LongLength : 0;
        return Up(table[1] + component * count);
    }

    private static long Up(long bytes) => (bytes + 7) & ~7L;
}

/// <summary>
/// What a heap must show, as one line of JSON. It is made when it is asked for, after the photograph, so that nothing of
/// it is in the heap before. An example of each type proves that what was reckoned is what the runtime does.
/// </summary>
sealed class Truth
{
    private readonly SortedDictionary<string, (long Count, long Bytes)> _types = [];
    private readonly List<string> _holders = [];
    private readonly List<string> _wrong = [];

    /// <summary>count objects of a type, each of so many bytes; example is one of them.</summary>
    public Truth Type(string name, long count, long bytes, object? example = null)
    {
        if (example != null && Sizes.Of(example) != bytes)
            _wrong.Add($"{name}: {bytes} expected, {Sizes.Of(example)} found");
        var (hadCount, hadBytes) = _types.GetValueOrDefault(name);
        _types[name] = (hadCount + count, hadBytes + count * bytes);
        return this;
    }

    /// <summary>A root, the type of the object that it refers to, and what would be free without that object.</summary>
    public Truth Holder(string root, string type, long retained)
    {
        _holders.Add($$"""{"root":{{Json.Text(root)}},"type":{{Json.Text(type)}},"retained":{{retained}}}""");
        return this;
    }

    public string Line(string more = "") =>
        $$"""{"server":{{(System.Runtime.GCSettings.IsServerGC ? "true" : "false")}},"types":{{{Types()}}},"holders":[{{string.Join(',', _holders)}}],"wrong":[{{string.Join(',', _wrong.Select(w => Json.Text(w)))}}]{{more}}}""";

    private string Types() => string.Join(',', _types.Select(t =>
        $$"""{{Json.Text(t.Key)}}:{"count":{{t.Value.Count}},"bytes":{{t.Value.Bytes}}}"""));
}

static class Json
{
    /// <summary>Quoted, in ASCII; surrogates, alone too, as they are.</summary>
    public static string Text(string text) => Text(text, text.Length);

    public static string Text(string text, int units)
    {
        var json = new StringBuilder("\"");
        foreach (var c in text.AsSpan(0, Math.Min(units, text.Length)))
        {
            if (c is < ' ' or > '~' or '"' or '\\')
                json.Append("\\u").Append(((int)c).ToString("x4"));
            else
                json.Append(c);
        }
        return json.Append('"').ToString();
    }
}
