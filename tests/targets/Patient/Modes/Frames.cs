using System.Diagnostics;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Medic.Targets;

/// <summary>
/// Every kind of frame that a compiler or the runtime makes, for an unwinder to find its way through. `frames hijack`: long
/// code without a loop under constant collections, which the runtime can only stop by replacing its return address.
/// </summary>
sealed class Frames(bool hijack) : Mode
{
    private static readonly Action[] Kinds =
    [
        Funclets, Faults, Generics, Virtual, Delegates, Recursion, Buffers, BigLocals, Callbacks, Dynamic, Tails, Loops,
        Async, Barriers, Locks, Crypto, Clears, Clocks, SystemCalls, Texts, Structs, Many,
    ];
    private static double _sink;

    public override void Start()
    {
        if (hijack)
        {
            Run("frames, straight", () => Forever(() => Keep(Straight(_sink))));
            Run("frames, collecting", () => Forever(() => { GC.Collect(0); Thread.Sleep(1); }));
            return;
        }
        for (var i = 0; i < 3; i++)
        {
            var first = i * 7;
            Run($"frames {i}", () => Cycle(first));
        }
        Run("frames, deep", () => Deep(300));
        Run("frames, waiting", () => Wait(20));
    }

    private void Forever(Action what)
    {
        for (; ; )
        {
            what();
            Done();
        }
    }

    private void Cycle(int first)
    {
        for (var i = first; ; i++)
        {
            var until = Stopwatch.GetTimestamp() + Stopwatch.Frequency / 100;
            do
                Kinds[i % Kinds.Length]();
            while (Stopwatch.GetTimestamp() < until);
            Done();
        }
    }

    private static int Deep(int depth)
    {
        if (depth == 0)
            Thread.Sleep(Timeout.Infinite);
        return depth % 2 == 0 ? Deep(depth - 1) + 1 : Deeper<string>(depth - 1) + 1;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Deeper<T>(int depth)
    {
        try { return Deep(depth) + typeof(T).Name.Length; }
        finally { GC.KeepAlive(depth); }
    }

    private static void Wait(int depth)
    {
        if (depth > 0)
            Wait(depth - 1);
        new ManualResetEventSlim().Wait();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double Burn(int n)
    {
        var x = 1.0;
        for (var i = 0; i < n; i++)
            x = x * 1.0000001 + i;
        return x;
    }

    private static void Keep(double x) => _sink += x;

    // try, catch, filter and finally, with work inside each

    private static void Funclets()
    {
        try
        {
            try { Throw(3); }
            catch (InvalidOperationException e) when (Burn(2000) > 0 && e.Message.Length > 0) { Keep(Burn(2000)); throw; }
            finally { Keep(Burn(2000)); }
        }
        catch (Exception) { Again(); }
    }

    private static void Again()
    {
        try { Throw(2); }
        catch (Exception) { Keep(Burn(1000)); }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Throw(int depth)
    {
        try
        {
            if (depth > 0)
                Throw(depth - 1);
            else
                throw new InvalidOperationException("for an unwinder");
        }
        finally { Keep(Burn(500)); }
    }

    // the hardware throws

    private static void Faults()
    {
        try { Keep(Length(null!)); }
        catch (NullReferenceException) { Keep(Burn(500)); }
        try { Keep(Divide(1, 0)); }
        catch (DivideByZeroException) { Keep(Burn(500)); }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Length(int[] array) => array.Length;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Divide(int a, int b) => a / b;

    // shared and exact instantiations, generic virtual methods

    private interface IShape
    {
        double Area<T>(T scale);
        double Edge();
    }

    private sealed class Circle : IShape
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public double Area<T>(T scale) => Burn(200) + scale!.GetHashCode();
        [MethodImpl(MethodImplOptions.NoInlining)]
        public double Edge() => Burn(50);
    }

    private sealed class Square : IShape
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public double Area<T>(T scale) => Burn(100) + typeof(T).GetHashCode();
        [MethodImpl(MethodImplOptions.NoInlining)]
        public double Edge() => Burn(60);
    }

    private struct Tiny : IShape
    {
        [MethodImpl(MethodImplOptions.NoInlining)]
        public readonly double Area<T>(T scale) => Burn(10);
        [MethodImpl(MethodImplOptions.NoInlining)]
        public readonly double Edge() => Burn(70);
    }

    private static readonly IShape[] Shapes = [new Circle(), new Square(), new Tiny()];

    private static void Generics()
    {
        foreach (var shape in Shapes)
            Keep(shape.Area("s") + shape.Area(1) + shape.Area(1.5m) + Map<string, int>("k", 1) + Map<long, object>(1, "v"));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double Map<TKey, TValue>(TKey key, TValue value) where TKey : notnull =>
        new Dictionary<TKey, TValue> { [key] = value }.Count + Burn(20);

    private static void Virtual()
    {
        for (var i = 0; i < 300; i++)
            Keep(Shapes[i % 3].Edge());
    }

    private static readonly Func<int, double> Static = Burn;
    private static readonly Action<double> Several = (Action<double>)Keep + Keep + (x => Keep(x));

    private static void Delegates()
    {
        for (var i = 0; i < 100; i++)
            Several(Static(100 + i));
        Array.Sort(Enumerable.Range(0, 200).Select(i => i * 7919 % 200).ToArray(), (a, b) => a.CompareTo(b));
    }

    private static void Recursion() => Keep(Fibonacci(18));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Fibonacci(int n) => n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);

    // rsp moves within the function

    private static void Buffers()
    {
        for (var n = 16; n < 20_000; n *= 2)
            Keep(Buffer(n));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double Buffer(int size)
    {
        Span<byte> bytes = stackalloc byte[size];
        bytes.Fill((byte)size);
        return Burn(bytes[size / 2] + 100);
    }

    private unsafe struct Page
    {
        public fixed byte Bytes[70_000];
    }

    private static void BigLocals() => Keep(BigLocal(50));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static unsafe double BigLocal(int n)
    {
        var page = new Page();
        for (var i = 0; i < n; i++)
            page.Bytes[i * 1000] = (byte)i;
        return Burn(page.Bytes[n * 500] + 100);
    }

    // native code that calls back

    [DllImport("libc", EntryPoint = "qsort")]
    private static extern unsafe void Sort(int* items, nint count, nint size, delegate* unmanaged<int*, int*, int> order);

    private delegate int Order(nint a, nint b);

    [DllImport("libc", EntryPoint = "qsort")]
    private static extern unsafe void SortBy(int* items, nint count, nint size, Order order);

    [UnmanagedCallersOnly]
    private static unsafe int Compare(int* a, int* b) => (*a).CompareTo(*b);

    private static unsafe void Callbacks()
    {
        var items = stackalloc int[256];
        for (var i = 0; i < 256; i++)
            items[i] = i * 7919 % 256;
        Sort(items, 256, sizeof(int), &Compare);
        SortBy(items, 64, sizeof(int), (a, b) => (*(int*)b).CompareTo(*(int*)a));
    }

    // code made at run time

    private static readonly Func<int, double> Made = Make(false), MadeTail = Make(true);

    private static Func<int, double> Make(bool tail)
    {
        var method = new DynamicMethod(tail ? "MadeTail" : "Made", typeof(double), [typeof(int)], typeof(Frames).Module);
        var il = method.GetILGenerator();
        var more = il.DefineLabel();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Brtrue, more);
        il.Emit(OpCodes.Ldc_I4, 300);
        il.Emit(OpCodes.Call, Static.Method);
        il.Emit(OpCodes.Ret);
        il.MarkLabel(more);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Sub);
        if (tail)
            il.Emit(OpCodes.Tailcall);
        il.Emit(OpCodes.Call, method);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<int, double>>();
    }

    private static readonly Func<double, double> Straight = MakeStraight();

    /// <summary>x = 1 / (x + 1), 20,000 times: 0.2 ms without a loop or a call.</summary>
    private static Func<double, double> MakeStraight()
    {
        var method = new DynamicMethod("Straight", typeof(double), [typeof(double)], typeof(Frames).Module);
        var il = method.GetILGenerator();
        for (var i = 0; i < 20_000; i++)
        {
            il.Emit(OpCodes.Ldc_R8, 1.0);
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_R8, 1.0);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Div);
            il.Emit(OpCodes.Starg_S, (byte)0);
        }
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<double, double>>();
    }

    private static void Dynamic() => Keep(Made(20));
    private static void Tails() => Keep(MadeTail(200));

    // entered by on-stack replacement, while it is cold

    private static void Loops()
    {
        var x = 0.0;
        for (var i = 0; i < 200_000; i++)
        {
            x += i % 3;
            if (i % 20_000 == 0)
                x += Burn(100);
        }
        Keep(x);
    }

    private static void Async() => Keep(Chain(6).GetAwaiter().GetResult());

    private static async Task<double> Chain(int depth)
    {
        if (depth == 0)
        {
            await Task.Yield();
            return Burn(2000);
        }
        return await Chain(depth - 1) + Burn(200);
    }

    private sealed class Node
    {
        public Node? Next;
        public object? Value;
    }

    private static readonly object[] Slots = new object[1024];

    private static void Barriers()
    {
        Node? list = null;
        for (var i = 0; i < 5000; i++)
        {
            list = new Node { Next = list, Value = Slots[i % 1024] };
            Slots[i % 1024] = list;
            if (i % 64 == 0)
                list.Next = null;
        }
    }

    private static readonly object Gate = new();

    private static void Locks()
    {
        for (var i = 0; i < 50; i++)
            lock (Gate)
                Keep(Burn(20));
    }

    private static readonly byte[] Data = new byte[64 << 10], Key = new byte[32];
    private static readonly RSA Rsa = RSA.Create(1024);

    private static void Crypto()
    {
        Keep(SHA256.HashData(Data)[0] + HMACSHA512.HashData(Key, Data)[0]);
        using var aes = new AesGcm(Key, 16);
        Span<byte> nonce = stackalloc byte[12], tag = stackalloc byte[16];
        aes.Encrypt(nonce, Data, new byte[Data.Length], tag);
        Keep(Rsa.SignData(Key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)[0]);
    }

    private static void Clears()
    {
        var big = GC.AllocateUninitializedArray<byte>(200_000);
        Array.Clear(big);
        System.Buffer.BlockCopy(big, 0, big, 1000, 100_000);
        Keep(big[5] + Data.AsSpan().IndexOf((byte)1));
    }

    private static void Clocks()
    {
        for (var i = 0; i < 500; i++)
            Keep(DateTime.UtcNow.Ticks % 7 + Environment.TickCount64 % 3 + Stopwatch.GetTimestamp() % 5);
    }

    private static void SystemCalls()
    {
        Keep(File.Exists("/etc/hostname") ? 1 : 0);
        using var file = File.OpenHandle("/dev/zero");
        Keep(RandomAccess.Read(file, new byte[4096], 0));
        Thread.Yield();
    }

    private static readonly Regex Words = new(@"(\w+)\s(\d+)(?:,|$)", RegexOptions.Compiled);

    private static void Texts()
    {
        var text = string.Join(',', Enumerable.Range(0, 50).Select(i => $"word{i} {i * 3}"));
        Keep(Words.Matches(text).Count + JsonSerializer.Serialize(new { text, list = text.Split(',') }).Length);
    }

    private record struct Vector(double X, double Y, double Z, double W, decimal Weight);

    private static void Structs()
    {
        var v = new Vector(1, 2, 3, 4, 5);
        for (var i = 0; i < 200; i++)
            v = Turn(v, i);
        Keep(v.X);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector Turn(Vector v, int by) => v with { X = v.Y * by % 100, Y = v.Z + 1, Z = v.W, W = v.X, Weight = v.Weight * 2 % 7 };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double Eight(long a, long b, long c, long d, long e, long f, double g, object h, string i, int j) =>
        a + b + c + d + e + f + g + h.GetHashCode() % 3 + i.Length + j;

    private static void Many()
    {
        for (var i = 0; i < 200; i++)
            Keep(Eight(i, 2, 3, 4, 5, 6, 7, Gate, "8", 9));
    }
}
