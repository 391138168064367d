#pragma warning disable CS0067, CS0649 // what is there to be seen in the heap is never read
namespace Medic.Targets
{
    /// <summary>`heap N`: N million objects that live, in groups of four with 216 bytes and 6 references.</summary>
    sealed class LargeHeap(long objects) : Heap
    {
        public override void Start() => Fill(() => Warehouse.Hall.Build(objects));

        protected override Truth Known() => Warehouse.Hall.Tell(new Truth());
    }
}

namespace Warehouse
{
    using Medic.Targets;

    sealed class Parcel
    {
        public object[]? Contents;
        public Label? Label;
        public long Number;
    }

    sealed class Label
    {
        public byte[]? Print;
        public long From, To, Weight, Time;
    }

    /// <summary>Shelves of 1,000 parcels. A parcel refers to its contents and its label; the contents to the label's print
    /// and to the parcel before; the label to the print.</summary>
    static class Hall
    {
        public static Parcel[][]? Shelves;
        private const int ShelfLength = 1000, PrintLength = 56;

        public static void Build(long objects)
        {
            Shelves = new Parcel[Math.Max(1, objects / 4 / ShelfLength)][];
            Parallel.For(0, Shelves.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 },
                shelf => Shelves[shelf] = Fill(new Parcel[ShelfLength]));
        }

        private static Parcel[] Fill(Parcel[] shelf)
        {
            for (var i = 0; i < shelf.Length; i++)
            {
                var print = new byte[PrintLength];
                shelf[i] = new Parcel
                {
                    Number = i,
                    Label = new Label { Print = print, Weight = i },
                    Contents = [print, null!],
                };
                shelf[i].Contents![1] = shelf[Math.Max(0, i - 1)];
            }
            return shelf;
        }

        public static Truth Tell(Truth truth)
        {
            long shelves = Shelves!.Length, parcels = shelves * ShelfLength;
            long parcel = Sizes.Object(24), label = Sizes.Object(40), print = Sizes.Array(1, PrintLength);
            long contents = Sizes.Array(8, 2), shelf = Sizes.Array(8, ShelfLength), all = Sizes.Array(8, shelves);
            return truth.Type("Warehouse.Parcel", parcels, parcel, Shelves[0][0])
                .Type("Warehouse.Label", parcels, label, Shelves[0][0].Label)
                .Type("Warehouse.Parcel[]", shelves, shelf, Shelves[0])
                .Type("Warehouse.Parcel[][]", 1, all, Shelves)
                .Holder("static Warehouse.Hall.Shelves", "Warehouse.Parcel[][]",
                    all + shelves * shelf + parcels * (parcel + label + print + contents));
        }
    }
}
