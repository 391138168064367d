#pragma warning disable CS0067, CS0649 // what is there to be seen in the heap is never read
using System.Reflection;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Medic.Targets
{
    /// <summary>`heap graphs`: one of every shape, each below a static field of its own.</summary>
    sealed class Graphs : Heap
    {
        public override void Start() => Fill(
            Vault.Chain.Fill, Vault.Tree.Fill, Vault.Ring.Fill, Vault.Shared.Fill, Vault.Diamond.Fill, Vault.Arrays.Fill,
            Vault.Weak.Fill, Vault.Notes.Fill, Vault.Closures.Fill, Vault.Exchange.Fill, Vault.Clocks.Fill,
            Vault.Post.Fill, Vault.Desk.Fill, Vault.Statics.Fill, Vault.Library.Fill, Vault.Pins.Fill, Vault.Places.Fill,
            Vault.Closers.Fill);

        protected override Truth Known()
        {
            var truth = new Truth();
            Vault.Chain.Tell(truth);
            Vault.Tree.Tell(truth);
            Vault.Ring.Tell(truth);
            Vault.Shared.Tell(truth);
            Vault.Diamond.Tell(truth);
            Vault.Arrays.Tell(truth);
            Vault.Weak.Tell(truth);
            Vault.Notes.Tell(truth);
            Vault.Closures.Tell(truth);
            Vault.Exchange.Tell(truth);
            Vault.Clocks.Tell(truth);
            Vault.Post.Tell(truth);
            Vault.Desk.Tell(truth);
            Vault.Statics.Tell(truth);
            Vault.Library.Tell(truth);
            Vault.Pins.Tell(truth);
            Vault.Places.Tell(truth);
            Vault.Closers.Tell(truth);
            return truth;
        }
    }
}

namespace Vault
{
    using Medic.Targets;

    sealed class Leaf
    {
        public int Number;

        public static readonly long Bytes = Sizes.Object(4);
    }

    struct Pixel
    {
        public int Red, Green, Blue, Alpha;

        public const int Bytes = 16;
    }

    /// <summary>A value type with references: they are not next to each other.</summary>
    struct Pair
    {
        public Leaf? First;
        public long Between;
        public Leaf? Second;

        public const int Bytes = 24;

        public static Pair New() => new() { First = new Leaf(), Second = new Leaf() };
    }

    struct Cell
    {
        public int Number;
        public Pair Pair;

        public const int Bytes = 32;
    }

    static class Some
    {
        /// <summary>An array of count references to as many new objects.</summary>
        public static Leaf[] Leaves(int count) => Enumerable.Range(0, count).Select(_ => new Leaf()).ToArray();

        public static Pixel[] Pixels(int count) => new Pixel[count];
    }

    static class Chain
    {
        public static Link? Head;
        private const int Length = 1000;

        public sealed class Link
        {
            public Link? Next;
            public long Value;
        }

        public static void Fill()
        {
            for (var i = 0; i < Length; i++)
                Head = new Link { Next = Head, Value = i };
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Chain.Link", Length, Sizes.Object(16), Head)
            .Holder("static Vault.Chain.Head", "Vault.Chain.Link", Length * Sizes.Object(16));
    }

    static class Tree
    {
        public static Twig? Root;
        private const int Twigs = 1023;

        public sealed class Twig
        {
            public Twig? Left, Right;
            public int Depth;
        }

        public static void Fill() => Root = Grow(10);

        private static Twig? Grow(int depth) =>
            depth == 0 ? null : new Twig { Left = Grow(depth - 1), Right = Grow(depth - 1), Depth = depth };

        public static void Tell(Truth truth) => truth
            .Type("Vault.Tree.Twig", Twigs, Sizes.Object(20), Root)
            .Holder("static Vault.Tree.Root", "Vault.Tree.Twig", Twigs * Sizes.Object(20));
    }

    /// <summary>Two directions, so that every object is in many cycles.</summary>
    static class Ring
    {
        public static Hop? Any;
        private const int Hops = 100;

        public sealed class Hop
        {
            public Hop? Next, Back;
        }

        public static void Fill()
        {
            var hops = Enumerable.Range(0, Hops).Select(_ => new Hop()).ToArray();
            for (var i = 0; i < Hops; i++)
                (hops[i].Next, hops[i].Back) = (hops[(i + 1) % Hops], hops[(i + Hops - 1) % Hops]);
            Any = hops[Hops / 2];
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Ring.Hop", Hops, Sizes.Object(16), Any)
            .Holder("static Vault.Ring.Any", "Vault.Ring.Hop", Hops * Sizes.Object(16));
    }

    /// <summary>What two holders refer to is retained by neither.</summary>
    static class Shared
    {
        public static Owner? One, Other;
        private const int Items = 500;

        public sealed class Item
        {
            public long A, B;
        }

        public sealed class Owner
        {
            public Item[]? Items;
        }

        public static void Fill()
        {
            One = new Owner { Items = Enumerable.Range(0, Items).Select(_ => new Item()).ToArray() };
            Other = new Owner { Items = [.. One.Items!] };
        }

        public static void Tell(Truth truth)
        {
            var own = Sizes.Object(8) + Sizes.Array(8, Items);
            truth.Type("Vault.Shared.Item", Items, Sizes.Object(16), One!.Items![0])
                .Type("Vault.Shared.Owner", 2, Sizes.Object(8), One)
                .Type("Vault.Shared.Item[]", 2, Sizes.Array(8, Items), One.Items)
                .Holder("static Vault.Shared.One", "Vault.Shared.Owner", own)
                .Holder("static Vault.Shared.Other", "Vault.Shared.Owner", own);
        }
    }

    static class Diamond
    {
        public static Top? Peak;
        private const int Tails = 10;

        public sealed class Top
        {
            public Side? Left, Right;
        }

        public sealed class Side
        {
            public Tail? Bottom;
        }

        public sealed class Tail
        {
            public Tail? Next;
        }

        public static void Fill()
        {
            Tail? tail = null;
            for (var i = 0; i < Tails; i++)
                tail = new Tail { Next = tail };
            Peak = new Top { Left = new Side { Bottom = tail }, Right = new Side { Bottom = tail } };
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Diamond.Top", 1, Sizes.Object(16), Peak)
            .Type("Vault.Diamond.Side", 2, Sizes.Object(8), Peak!.Left)
            .Type("Vault.Diamond.Tail", Tails, Sizes.Object(8), Peak.Left!.Bottom)
            .Holder("static Vault.Diamond.Peak", "Vault.Diamond.Top",
                Sizes.Object(16) + 2 * Sizes.Object(8) + Tails * Sizes.Object(8));
    }

    static class Arrays
    {
        public static Leaf[]? References, Empty, Nulls, Long;
        public static Pair[]? Pairs, LongPairs;
        public static Cell[]? Nested;
        public static Leaf[,]? Grid;
        public static Pair[,,]? Cube;
        public static Leaf[][]? Jagged;
        public static Pixel[]? Plain;
        // More references than a photograph writes within the array's own record.
        private const int LongLength = 100_000, LongPairsLength = 40_000;

        public static void Fill()
        {
            References = Some.Leaves(100);
            Empty = new Leaf[0];
            Nulls = new Leaf[10];
            Pairs = Enumerable.Range(0, 50).Select(_ => Pair.New()).ToArray();
            Nested = Enumerable.Range(0, 20).Select(n => new Cell { Number = n, Pair = Pair.New() }).ToArray();
            Jagged = Enumerable.Range(0, 5).Select(_ => Some.Leaves(7)).ToArray();
            Plain = Some.Pixels(64);
            Grid = new Leaf[3, 4];
            for (var i = 0; i < 12; i++)
                Grid[i / 4, i % 4] = new Leaf();
            Cube = new Pair[2, 2, 2];
            for (var i = 0; i < 8; i++)
                Cube[i / 4, i / 2 % 2, i % 2] = Pair.New();
            FillLong();
        }

        private static void FillLong()
        {
            var leaves = Some.Leaves(100);
            Long = new Leaf[LongLength];
            for (var i = 0; i < Long.Length; i++)
                Long[i] = leaves[i % leaves.Length];
            var ten = Some.Leaves(10);
            LongPairs = new Pair[LongPairsLength];
            for (var i = 0; i < LongPairs.Length; i++)
                LongPairs[i] = new Pair { First = ten[i % 5], Second = i % 3 == 0 ? null : ten[5 + i % 5] };
        }

        public static void Tell(Truth truth)
        {
            Tell(truth, "References", "Vault.Leaf[]", References!, Sizes.Array(8, 100), 100);
            Tell(truth, "Empty", "Vault.Leaf[]", Empty!, Sizes.Array(8, 0), 0);
            Tell(truth, "Nulls", "Vault.Leaf[]", Nulls!, Sizes.Array(8, 10), 0);
            Tell(truth, "Pairs", "Vault.Pair[]", Pairs!, Sizes.Array(Pair.Bytes, 50), 100);
            Tell(truth, "Nested", "Vault.Cell[]", Nested!, Sizes.Array(Cell.Bytes, 20), 40);
            Tell(truth, "Grid", "Vault.Leaf[,]", Grid!, Sizes.Array(8, 12, rank: 2), 12);
            Tell(truth, "Cube", "Vault.Pair[,,]", Cube!, Sizes.Array(Pair.Bytes, 8, rank: 3), 16);
            Tell(truth, "Plain", "Vault.Pixel[]", Plain!, Sizes.Array(Pixel.Bytes, 64), 0);
            Tell(truth, "Long", "Vault.Leaf[]", Long!, Sizes.Array(8, LongLength), 100);
            Tell(truth, "LongPairs", "Vault.Pair[]", LongPairs!, Sizes.Array(Pair.Bytes, LongPairsLength), 10);
            Tell(truth, "Jagged", "Vault.Leaf[][]", Jagged!, Sizes.Array(8, 5), 35, 5 * Sizes.Array(8, 7));
            truth.Type("Vault.Leaf[]", 5, Sizes.Array(8, 7), Jagged![0]);
        }

        private static void Tell(Truth truth, string field, string type, Array array, long bytes, int leaves, long more = 0)
        {
            truth.Type(type, 1, bytes, array).Type("Vault.Leaf", leaves, Leaf.Bytes, leaves > 0 ? References![0] : null)
                .Holder($"static Vault.Arrays.{field}", type, bytes + leaves * Leaf.Bytes + more);
        }
    }

    /// <summary>Weak references hold nothing: not what somebody else holds, and not what nobody does.</summary>
    static class Weak
    {
        public static Watched? Alive;
        public static WeakReference<Watched>? Reference;
        public static WeakReference<Forgotten>[]? Lost;
        public static GCHandle Short, Long;

        public sealed class Watched
        {
            public long Value;
        }

        public sealed class Forgotten
        {
            public long Value;
        }

        /// <summary>Died when nobody had a photograph taken.</summary>
        public sealed class Dead
        {
            public long Value;
        }

        public static void Fill()
        {
            Alive = new Watched();
            Reference = new WeakReference<Watched>(Alive);
            Short = GCHandle.Alloc(Alive, GCHandleType.Weak);
            Long = GCHandle.Alloc(Alive, GCHandleType.WeakTrackResurrection);
            Lost = Enumerable.Range(0, 10).Select(_ => new WeakReference<Forgotten>(new Forgotten())).ToArray();
            for (var i = 0; i < 1000; i++)
                GC.KeepAlive(new Dead());
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Weak.Watched", 1, Sizes.Object(8), Alive)
            .Type("Vault.Weak.Forgotten", 0, 0)
            .Type("Vault.Weak.Dead", 0, 0)
            .Holder("static Vault.Weak.Alive", "Vault.Weak.Watched", Sizes.Object(8));
    }

    /// <summary>Values that live as long as their keys; each refers back to its key.</summary>
    static class Notes
    {
        public static Key[]? Keys;
        public static ConditionalWeakTable<Key, Note>? Table;
        public static Anchor? Anchored;
        public static DependentHandle Rope;
        private const int Count = 200, Pixels = 10, BallastPixels = 100;

        public sealed class Key
        {
            public long Value;
        }

        public sealed class Note
        {
            public Key? Owner;
            public Pixel[]? Pixels;
        }

        public sealed class Anchor
        {
            public long Value;
        }

        public sealed class Ballast
        {
            public Pixel[]? Pixels;
        }

        public static void Fill()
        {
            Keys = Enumerable.Range(0, Count).Select(_ => new Key()).ToArray();
            Table = [];
            foreach (var key in Keys)
                Table.Add(key, new Note { Owner = key, Pixels = Some.Pixels(Pixels) });
            Table.Add(new Key(), new Note()); // nobody else has this key: both die
            Anchored = new Anchor();
            Rope = new DependentHandle(Anchored, new Ballast { Pixels = Some.Pixels(BallastPixels) });
        }

        public static void Tell(Truth truth)
        {
            long key = Sizes.Object(8), note = Sizes.Object(16), pixels = Sizes.Array(Pixel.Bytes, Pixels);
            var ballast = Sizes.Array(Pixel.Bytes, BallastPixels);
            Table!.TryGetValue(Keys![0], out var example);
            truth.Type("Vault.Notes.Key", Count, key, Keys[0])
                .Type("Vault.Notes.Key[]", 1, Sizes.Array(8, Count), Keys)
                .Type("Vault.Notes.Note", Count, note, example)
                .Type("Vault.Pixel[]", Count, pixels, example!.Pixels)
                .Type("Vault.Notes.Anchor", 1, Sizes.Object(8), Anchored)
                .Type("Vault.Notes.Ballast", 1, Sizes.Object(8), Rope.Dependent)
                .Type("Vault.Pixel[]", 1, ballast)
                .Holder("static Vault.Notes.Keys", "Vault.Notes.Key[]", Sizes.Array(8, Count) + Count * (key + note + pixels))
                .Holder("static Vault.Notes.Anchored", "Vault.Notes.Anchor", 2 * Sizes.Object(8) + ballast);
        }
    }

    static class Closures
    {
        public static Func<long>[]? Actions;
        private const int Count = 100;

        public sealed class Caught
        {
            public long Value;
        }

        public static void Fill()
        {
            Actions = new Func<long>[Count];
            for (var i = 0; i < Count; i++)
            {
                var caught = new Caught();
                var number = i;
                Actions[i] = () => caught.Value + number;
            }
        }

        public static void Tell(Truth truth)
        {
            long environment = Sizes.Object(12), array = Sizes.Array(8, Count);
            truth.Type("Vault.Closures.Caught", Count, Sizes.Object(8))
                .Type(Actions![0].Target!.GetType().FullName!.Replace('+', '.'), Count, environment, Actions[0].Target)
                .Holder("static Vault.Closures.Actions", "System.Func<long>[]",
                    array + Count * (Sizes.Delegate + environment + Sizes.Object(8)));
        }
    }

    /// <summary>An event with subscribers that nobody else holds.</summary>
    static class Exchange
    {
        public static event EventHandler? Ticked;
        private const int Count = 300, Pixels = 50;

        public sealed class Subscriber
        {
            public Pixel[] Pixels = Some.Pixels(Exchange.Pixels);

            [MethodImpl(MethodImplOptions.NoInlining)]
            public void OnTicked(object? sender, EventArgs e) => Pixels[0].Red++;
        }

        public static void Fill()
        {
            for (var i = 0; i < Count; i++)
                Ticked += new Subscriber().OnTicked;
        }

        public static void Tell(Truth truth)
        {
            long subscriber = Sizes.Object(8), pixels = Sizes.Array(Pixel.Bytes, Pixels);
            var list = (object[])typeof(MulticastDelegate)
                .GetField("_invocationList", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(Ticked)!;
            truth.Type("Vault.Exchange.Subscriber", Count, subscriber, ((Delegate)list[0]).Target)
                .Type("Vault.Pixel[]", Count, pixels)
                .Holder("static Vault.Exchange.Ticked", "System.EventHandler", Sizes.Delegate +
                    Sizes.Array(8, list.Length) + Count * (Sizes.Delegate + subscriber + pixels));
        }
    }

    /// <summary>Timers: the runtime's queue holds what they call as well as the field does.</summary>
    static class Clocks
    {
        public static Timer[]? Timers;
        private const int Count = 20, Pixels = 10;

        public sealed class Alarm
        {
            public Pixel[] Pixels = Some.Pixels(Clocks.Pixels);

            public void Ring(object? state) => Pixels[0].Red++;
        }

        public static void Fill()
        {
            var hour = TimeSpan.FromHours(1);
            Timers = Enumerable.Range(0, Count).Select(_ => new Timer(new Alarm().Ring, null, hour, hour)).ToArray();
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Clocks.Alarm", Count, Sizes.Object(8))
            .Type("Vault.Pixel[]", Count, Sizes.Array(Pixel.Bytes, Pixels));
    }

    /// <summary>Async methods that wait, each with a local that lives as long.</summary>
    static class Post
    {
        public static TaskCompletionSource? Office;
        private const int Count = 40, Pixels = 5;

        public sealed class Letter
        {
            public Pixel[] Pixels = Some.Pixels(Post.Pixels);
        }

        public static void Fill()
        {
            Office = new TaskCompletionSource();
            for (var i = 0; i < Count; i++)
                _ = Wait(new Letter());
        }

        private static async Task Wait(Letter letter)
        {
            await Office!.Task;
            GC.KeepAlive(letter);
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Post.Letter", Count, Sizes.Object(8))
            .Type("Vault.Pixel[]", Count, Sizes.Array(Pixel.Bytes, Pixels));
    }

    /// <summary>Static fields of threads, and of generic types.</summary>
    static class Desk
    {
        [ThreadStatic]
        private static Drawer? t_drawer;
        private const int Threads = 3, Pixels = 20;

        public sealed class Drawer
        {
            public Pixel[] Pixels = Some.Pixels(Desk.Pixels);
        }

        public sealed class Crate
        {
            public Pixel[] Pixels = Some.Pixels(2);
        }

        public static class Shelf<T>
        {
            public static Crate? Content;
        }

        public static void Fill()
        {
            using var filled = new CountdownEvent(Threads);
            for (var i = 0; i < Threads; i++)
                new Thread(() => Sit(filled)) { Name = $"clerk {i}", IsBackground = true }.Start();
            filled.Wait();
            Shelf<int>.Content = new Crate();
            Shelf<string>.Content = new Crate();
            Shelf<Leaf>.Content = new Crate();
        }

        private static void Sit(CountdownEvent filled)
        {
            Open();
            filled.Signal();
            Thread.Sleep(Timeout.Infinite);
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        private static void Open() => t_drawer = new Drawer();

        public static void Tell(Truth truth)
        {
            long drawer = Sizes.Object(8) + Sizes.Array(Pixel.Bytes, Pixels);
            long crate = Sizes.Object(8) + Sizes.Array(Pixel.Bytes, 2);
            truth.Type("Vault.Desk.Drawer", Threads, Sizes.Object(8))
                .Type("Vault.Pixel[]", Threads, Sizes.Array(Pixel.Bytes, Pixels))
                .Type("Vault.Desk.Crate", 3, Sizes.Object(8), Shelf<int>.Content)
                .Type("Vault.Pixel[]", 3, Sizes.Array(Pixel.Bytes, 2), Shelf<int>.Content!.Pixels);
            for (var i = 0; i < Threads; i++)
                truth.Holder("thread static Vault.Desk.t_drawer", "Vault.Desk.Drawer", drawer);
            foreach (var argument in new[] { "int", "string", "Vault.Leaf" })
                truth.Holder($"static Vault.Desk.Shelf<{argument}>.Content", "Vault.Desk.Crate", crate);
        }
    }

    /// <summary>Static fields of several kinds, of classes that have no objects and of one that has.</summary>
    sealed class Statics
    {
        private static Slip? s_private;
        public static Slip? Automatic { get; set; }
        public static Pair Both;
        public static string? Literal;
        public static Type? Kind;
        public static Statics? Itself;
        public static Slip? Null;
        public static int Number;

        public sealed class Slip
        {
            public long Value;
        }

        public static void Fill()
        {
            s_private = new Slip();
            Automatic = new Slip();
            Both = Pair.New();
            Literal = "a literal of the vault";
            Kind = typeof(Slip);
            Itself = new Statics();
            Number = 7;
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Statics.Slip", 2, Sizes.Object(8), s_private)
            .Type("Vault.Statics", 1, Sizes.Object(0), Itself)
            .Type("Vault.Leaf", 2, Leaf.Bytes, Both.First)
            .Type("Vault.Pair", 1, Sizes.Object(Pair.Bytes), Both)
            .Holder("static Vault.Statics.s_private", "Vault.Statics.Slip", Sizes.Object(8))
            .Holder("static Vault.Statics.Automatic", "Vault.Statics.Slip", Sizes.Object(8))
            .Holder("static Vault.Statics.Itself", "Vault.Statics", Sizes.Object(0));
    }

    /// <summary>This program once more, in a context that could be collected, were it not held.</summary>
    static class Library
    {
        public static AssemblyLoadContext? Context;
        public const int Readers = 20;

        public static void Fill()
        {
            Context = new AssemblyLoadContext("library", isCollectible: true);
            Context.LoadFromAssemblyPath(typeof(Library).Assembly.Location).GetType("Vault.Room")!.GetMethod("Fill")!
                .Invoke(null, null);
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Room.Reader", Readers, Sizes.Object(8), new Room.Reader())
            .Type("Vault.Room.Reader[]", 1, Sizes.Array(8, Readers))
            .Holder("static Vault.Room.Readers", "Vault.Room.Reader[]", Sizes.Array(8, Readers) + Readers * Sizes.Object(8));
    }

    /// <summary>Filled in the collectible copy only.</summary>
    public static class Room
    {
        public static Reader[]? Readers;

        public sealed class Reader
        {
            public long Value;
        }

        public static void Fill() => Readers = Enumerable.Range(0, Library.Readers).Select(_ => new Reader()).ToArray();
    }

    static class Pins
    {
        private static GCHandle s_pinned, s_normal;
        private const int PinnedPixels = 33, DepositPixels = 7;

        public sealed class Deposit
        {
            public Pixel[] Pixels = Some.Pixels(DepositPixels);
        }

        public struct Pinned
        {
            public long Value;
        }

        public static void Fill()
        {
            s_pinned = GCHandle.Alloc(new Pinned[PinnedPixels], GCHandleType.Pinned);
            s_normal = GCHandle.Alloc(new Deposit());
        }

        public static void Tell(Truth truth)
        {
            long pinned = Sizes.Array(8, PinnedPixels), pixels = Sizes.Array(Pixel.Bytes, DepositPixels);
            truth.Type("Vault.Pins.Pinned[]", 1, pinned, s_pinned.Target)
                .Type("Vault.Pins.Deposit", 1, Sizes.Object(8), s_normal.Target)
                .Type("Vault.Pixel[]", 1, pixels)
                .Holder("pinned handle", "Vault.Pins.Pinned[]", pinned)
                .Holder("strong handle", "Vault.Pins.Deposit", Sizes.Object(8) + pixels);
        }
    }

    /// <summary>Arrays in the places for large and for pinned objects.</summary>
    static class Places
    {
        public static Point[]? Large, PinnedForEver;

        public struct Point
        {
            public float X, Y, Z;
        }

        public static void Fill()
        {
            Large = new Point[10_000];
            PinnedForEver = GC.AllocateArray<Point>(1000, pinned: true);
        }

        public static void Tell(Truth truth) => truth
            .Type("Vault.Places.Point[]", 1, Sizes.Array(12, Large!.Length), Large)
            .Type("Vault.Places.Point[]", 1, Sizes.Array(12, PinnedForEver!.Length), PinnedForEver)
            .Holder("static Vault.Places.Large", "Vault.Places.Point[]", Sizes.Array(12, Large.Length))
            .Holder("static Vault.Places.PinnedForEver", "Vault.Places.Point[]", Sizes.Array(12, PinnedForEver.Length));
    }

    static class Closers
    {
        public static Closer[]? All;
        private const int Count = 30;

        public sealed class Closer
        {
            public long Closed;

            ~Closer() => Closed++;
        }

        public static void Fill() => All = Enumerable.Range(0, Count).Select(_ => new Closer()).ToArray();

        public static void Tell(Truth truth) => truth
            .Type("Vault.Closers.Closer", Count, Sizes.Object(8), All![0])
            .Type("Vault.Closers.Closer[]", 1, Sizes.Array(8, Count), All)
            .Holder("static Vault.Closers.All", "Vault.Closers.Closer[]", Sizes.Array(8, Count) + Count * Sizes.Object(8));
    }
}
