// HeapReader <pid>: stops the process while it reads the heap from outside, and prints one line of JSON: objects, bytes and
// references of all that is there ("all") and of what strong roots reach ("live"), by type; roots by kind; strings of
// which there is more than one, of all.
using System.Text.Json;
using Microsoft.Diagnostics.Runtime;

if (args.Length != 1)
{
    Console.Error.WriteLine("usage: HeapReader <pid>");
    return 2;
}

using var target = DataTarget.AttachToProcess(int.Parse(args[0]), suspend: true);
using var runtime = target.ClrVersions.Single().CreateRuntime();
var heap = runtime.Heap;
if (!heap.CanWalkHeap)
{
    Console.Error.WriteLine("the heap cannot be walked: a collection was under way");
    return 1;
}

var all = new Account();
var strings = new Dictionary<string, Repeated>();
foreach (var o in heap.EnumerateObjects().Where(o => o.IsValid && !o.IsFree))
{
    all.Add(o);
    if (o.Type!.IsString)
        Count(o);
}

var live = new Account();
var seen = new HashSet<ulong>();
var waiting = new Stack<ClrObject>();
var kinds = new SortedDictionary<string, int>();
foreach (var root in heap.EnumerateRoots())
{
    kinds[root.RootKind.ToString()] = kinds.GetValueOrDefault(root.RootKind.ToString()) + 1;
    Visit(root.Object);
}
while (waiting.TryPop(out var o))
{
    foreach (var reference in live.Add(o))
        Visit(reference);
}

var values = strings.Where(s => s.Value.Count > 1).ToList();
Console.WriteLine(JsonSerializer.Serialize(new
{
    all = all.Told(),
    live = live.Told(),
    roots = kinds,
    strings = new
    {
        objects = strings.Values.Sum(s => s.Count),
        bytes = strings.Values.Sum(s => s.Count * s.Size),
        repeated = values.Count,
        wasted = values.Sum(s => (s.Value.Count - 1) * s.Value.Size),
    },
}));
return 0;

void Visit(ClrObject o)
{
    if (o.IsValid && !o.IsFree && seen.Add(o.Address))
        waiting.Push(o);
}

// Strings are told apart by all of their characters, of which ClrMD leaves out what follows a null character.
void Count(ClrObject o)
{
    var length = target.DataReader.Read<int>(o.Address + 8);
    var characters = new byte[2 * length];
    if (target.DataReader.Read(o.Address + 12, characters) != characters.Length)
        throw new InvalidOperationException($"the string at {o.Address:x} cannot be read");
    var key = Convert.ToBase64String(characters);
    if (!strings.TryGetValue(key, out var known))
        strings.Add(key, known = new Repeated { Size = (long)o.Size + 7 & ~7L });
    known.Count++;
}

sealed class Repeated
{
    public long Count, Size;
}

sealed class Account
{
    private readonly SortedDictionary<string, (long Count, long Bytes, long References)> _types = new(StringComparer.Ordinal);

    /// <summary>Counts the object; what it refers to, by dependent handles too, but these are no references of its own.</summary>
    public List<ClrObject> Add(ClrObject o)
    {
        var found = o.EnumerateReferences(carefully: false, considerDependantHandles: true).ToList();
        var own = o.EnumerateReferences(carefully: false, considerDependantHandles: false).Count();
        var name = o.Type!.Name ?? "?";
        var (count, bytes, references) = _types.GetValueOrDefault(name);
        // ClrMD does not round strings and arrays up to what they take.
        _types[name] = (count + 1, bytes + ((long)o.Size + 7 & ~7L), references + own);
        return found;
    }

    public object Told() => new
    {
        objects = _types.Values.Sum(t => t.Count),
        bytes = _types.Values.Sum(t => t.Bytes),
        references = _types.Values.Sum(t => t.References),
        types = _types.ToDictionary(t => t.Key,
            t => new { count = t.Value.Count, bytes = t.Value.Bytes, references = t.Value.References }),
    };
}
