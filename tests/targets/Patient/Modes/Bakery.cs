// What the mode `shares` does: one method for each construct that a CPU profile has to name. The work of a part is on
// one line where that can be, and the line carries a mark that the tests look for.
using System.IO.Compression;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Medic.Targets;

namespace Bakery;

static class Parts
{
    private const int Fine = 100_000; // iterations of a plain loop: about 0.1 ms

    public static Part[] All() =>
    [
        new("loop", "Bakery.Oven.Bake", () => Oven.Bake(40)),
        new("tiny", "Bakery.Flour.Sift", () => Flour.Sift(Fine)) { Leaf = "Bakery.Flour.Grain" },
        new("hash", "Bakery.Seal.Stamp", Seal.Stamp),
        new("zip", "Bakery.Box.Pack", Box.Pack),
        new("generic-int", "Bakery.Shelf<int>.Arrange", () => Shelf<int>.Arrange(Fine)),
        new("generic-string", "Bakery.Shelf<__Canon>.Arrange", () => Shelf<string>.Arrange(Fine)),
        new("iterator", "Bakery.Menu.Dishes (iterator)", () => Menu.Read(Fine)),
        new("lambda", "Bakery.Till.Sum (lambda)", () => Till.Sum(Fine)),
        new("local", "Bakery.Till.Count.Add (local function)", () => Till.Count(Fine)),
        new("dynamic", "Knead (dynamic)", () => Mixer.Mix(Fine)),
        new("async", "Bakery.Order.Whisk (async)", () => { }) { Forever = Order.Serve },
        new("deep5000", "Bakery.Dough.FiveThousand", Dough.FiveThousand) { Leaf = "Bakery.Dough.Rise", Depth = 5_000 },
        new("deep20000", "Bakery.Dough.TwentyThousand", Dough.TwentyThousand) { Leaf = "Bakery.Dough.Rise", Depth = 20_000 },
    ];
}

/// <summary>A thread that does each of its parts for some milliseconds of its own CPU time, in an order by chance.</summary>
sealed class Baker(Part[] parts, long blockNs, int seed, Action done)
{
    private const int DeepStack = 64 << 20;

    public void Start(string name) =>
        new Thread(Work, parts.Any(p => p.Depth > 0) ? DeepStack : 0) { Name = name, IsBackground = true }.Start();

    private void Work()
    {
        var chance = new Random(seed);
        for (; ; )
        {
            chance.Shuffle(parts);
            foreach (var part in parts)
            {
                // Never in step with the sampler.
                part.Add(Block(part, (long)(blockNs * (0.7 + 0.6 * chance.NextDouble()))));
                done();
            }
        }
    }

    private static long Block(Part part, long ns)
    {
        var begin = CpuClock.OfThread();
        for (; ; )
        {
            part.Do();
            var spent = CpuClock.OfThread() - begin;
            if (spent >= ns)
                return spent;
        }
    }
}

static class Guest
{
    public static void Sleep()
    {
        for (; ; )
            Thread.Sleep(500);
    }
}

/// <summary>A big method with a tight loop: the compiler keeps a frame, many locals and no call.</summary>
static class Oven
{
    private static readonly double[] _heat = new double[512];

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static double Bake(int rounds)
    {
        double a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
        var heat = _heat;
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < heat.Length; i++)
            {
                a = a * 0.999 + heat[i];
                b = b * 0.998 + a;
                c = c * 0.997 + b;
                d = d * 0.996 + c; // MARK loop
                e = e * 0.995 + d;
                f = f * 0.994 + e;
                g = g * 0.993 + f;
                h = h * 0.992 + g;
                heat[i] = a + b - c + d - e + f - g + h > 1e6 ? 0 : heat[i] * 0.5 + 1;
            }
        }
        return a + b + c + d + e + f + g + h;
    }
}

/// <summary>A leaf of a few instructions, called in a loop.</summary>
static class Flour
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Sift(int n)
    {
        var x = 1u;
        for (var i = 0; i < n; i++) x = Grain(x); // MARK tiny
        return x;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Grain(uint x) =>
        (x ^ (x << 13)) * 1664525 + (x >> 17) + 1013904223; // MARK tiny-leaf
}

/// <summary>Native: libcrypto.</summary>
static class Seal
{
    private static readonly byte[] _letter = new byte[1 << 20];

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Stamp()
    {
        Span<byte> wax = stackalloc byte[32];
        SHA256.HashData(_letter, wax); // MARK hash
        _letter[0] ^= wax[0]; // another worker's write does no harm here
    }
}

/// <summary>Native: zlib.</summary>
static class Box
{
    private static readonly byte[] _bread = Make();

    private static byte[] Make()
    {
        var bread = new byte[64 << 10];
        var chance = new Random(7);
        for (var i = 0; i < bread.Length; i++)
            bread[i] = (byte)chance.Next(16);
        return bread;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Pack()
    {
        var zip = new ZLibStream(Stream.Null, CompressionLevel.Optimal);
        zip.Write(_bread); zip.Dispose(); // MARK zip
    }
}

/// <summary>Code of its own for int; shared by all reference types for string.</summary>
static class Shelf<T>
{
    private static readonly T?[] _goods = new T?[64];

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Arrange(int n)
    {
        var found = 0;
        var goods = _goods;
        for (var i = 0; i < n; i++) found += goods[i & 63] is null ? i ^ found : 1; // MARK generic
        return found;
    }
}

static class Menu
{
    public static uint Read(int n)
    {
        var x = 0u;
        foreach (var dish in Dishes(n))
            x += dish;
        return x;
    }

    private static IEnumerable<uint> Dishes(int n)
    {
        for (var dish = 0u; dish < 4; dish++)
        {
            var x = dish;
            try // what catches is not inlined into who asks for the next dish
            {
                for (var i = 0; i < n; i++) x = x * 1664525 + 1013904223; // MARK iterator
            }
            catch (OverflowException)
            {
                x = 0;
            }
            yield return x;
        }
    }
}

static class Till
{
    public static uint Sum(int n)
    {
        var start = (uint)n;
        Func<uint> sum = [MethodImpl(MethodImplOptions.NoInlining)] () =>
        {
            var x = start;
            for (var i = 0; i < n; i++) x = x * 1664525 + 1013904223; // MARK lambda
            return x;
        };
        return sum();
    }

    public static uint Count(int n)
    {
        return Add(n);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static uint Add(int n)
        {
            var x = 3u;
            for (var i = 0; i < n; i++) x = x * 1664525 + 1013904223; // MARK local
            return x;
        }
    }
}

/// <summary>Code without an assembly.</summary>
static class Mixer
{
    private static readonly Func<int, uint> _knead = Make();

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Mix(int n) => _knead(n) + 1; // MARK dynamic

    private static Func<int, uint> Make()
    {
        var method = new DynamicMethod("Knead", typeof(uint), [typeof(int)], typeof(Mixer).Module);
        var il = method.GetILGenerator();
        var x = il.DeclareLocal(typeof(uint));
        var again = il.DefineLabel();
        il.MarkLabel(again);
        il.Emit(OpCodes.Ldloc, x);
        il.Emit(OpCodes.Ldc_I4, 1664525);
        il.Emit(OpCodes.Mul);
        il.Emit(OpCodes.Ldc_I4, 1013904223);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, x);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Starg_S, (byte)0);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Brtrue, again);
        il.Emit(OpCodes.Ldloc, x);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int, uint>>();
    }
}

/// <summary>Asynchronous: each piece of work continues on some thread of the pool.</summary>
static class Order
{
    public static void Serve(Part part) => _ = ServeForEver(part);

    private static async Task ServeForEver(Part part)
    {
        for (; ; )
        {
            await Task.Delay(20);
            await Whisk(part);
        }
    }

    private static async Task Whisk(Part part)
    {
        await Task.Yield();
        var begin = CpuClock.OfThread();
        var x = (uint)begin;
        for (var i = 0; i < 5_000_000; i++) x = x * 1664525 + 1013904223; // MARK async
        part.Add(CpuClock.OfThread() - begin + (x & 1));
        await Task.Yield();
    }
}

/// <summary>Recursion: the work is at the bottom.</summary>
static class Dough
{
    private const int BottomIterations = 10_000_000; // about 7 ms: the way down does not count beside it

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void FiveThousand() => GC.KeepAlive(Fold(5_000)); // MARK deep5000

    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void TwentyThousand() => GC.KeepAlive(Fold(20_000)); // MARK deep20000

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Fold(int depth) => depth == 0 ? Rise() : Fold(depth - 1) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Rise()
    {
        var x = 5u;
        for (var i = 0; i < BottomIterations; i++) x = x * 1664525 + 1013904223; // MARK deep
        return x;
    }
}
